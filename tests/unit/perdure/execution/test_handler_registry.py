"""Signals and queries of one workflow."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from perdure import workflow
from perdure.exceptions import ApplicationError
from perdure.execution.handler_registry import STACK_TRACE_QUERY, UnknownQueryError
from tests.workflow_story import Story


@workflow.defn
class Shop:
    def __init__(self) -> None:
        self.sold: list[Any] = []

    @workflow.run
    async def run(self) -> list[Any]:
        await workflow.wait_condition(lambda: len(self.sold) >= 2)
        return self.sold

    @workflow.signal
    def sell(self, item: str, count: int = 1) -> None:
        if item == "bug":
            raise ValueError("a bug in a handler")
        self.sold.append([item, count])

    @workflow.signal
    async def refuse(self) -> None:
        raise ApplicationError("closed", type="Closed")

    @workflow.signal
    async def slowly(self) -> None:
        await asyncio.sleep(1)
        raise ValueError("a bug in a slow handler")

    @workflow.query
    def count(self, factor: int) -> int:
        return len(self.sold) * factor

    @workflow.query
    def waits(self) -> Any:
        return asyncio.sleep(1)


def _running() -> Story:
    story = Story(Shop)
    story.task()
    return story


def test_arguments_are_typed_and_may_be_left_out() -> None:
    story = _running()
    story.signal("sell", "tea")
    story.signal("sell", "tea", 5)
    story.task()
    assert story.result == [["tea", 1], ["tea", 5]]


@pytest.mark.parametrize("arguments", [(), (1, 2, 3), (["not", "text"],), ("tea", "many")])
def test_a_signal_that_does_not_fit_is_dropped_and_logged(
    arguments: tuple[Any, ...], caplog: pytest.LogCaptureFixture
) -> None:
    story = _running()
    story.signal("sell", *arguments)
    with caplog.at_level(logging.ERROR):
        assert story.task() == []
        story.replay()
    assert caplog.text.count("Signal 'sell' to workflow type 'Shop' is dropped") == 1


def test_a_handler_fails_its_workflow_as_the_workflow_itself_would() -> None:
    story = _running()
    story.signal("refuse")
    story.task()
    error = story.failure
    assert isinstance(error, ApplicationError)
    assert error.type == "Closed"


@pytest.mark.parametrize("name", ["sell", "slowly"])
def test_a_bug_in_a_handler_fails_the_task(name: str) -> None:
    story = _running()
    story.signal(name, *(["bug"] if name == "sell" else []))
    if name == "slowly":
        story.task()
        story.fire_timer()
    with pytest.raises(ValueError, match="a bug in a"):
        story.task()


def _query(story: Story, name: str, *arguments: Any) -> Any:
    data = story.instance.query(name, story.converter.to_bytes(arguments))
    return story.converter.value_from_bytes(data)


def test_queries() -> None:
    story = _running()
    story.signal("sell", "tea")
    story.task()
    assert _query(story, "count", 3) == 3
    assert "Shop.run" in _query(story, STACK_TRACE_QUERY)
    with pytest.raises(UnknownQueryError, match="it has: count, waits"):
        _query(story, "sum")
    with pytest.raises(TypeError, match="takes 1 arguments and was given 0"):
        _query(story, "count")
    with pytest.raises(TypeError, match="must be a plain `def`"):
        _query(story, "waits")
