"""Durable timers."""

from __future__ import annotations

import asyncio
import logging

import pytest

from perdure import workflow
from perdure.protocol.commands import CancelTimer, CompleteWorkflowExecution, StartTimer
from tests.workflow_story import Story


@workflow.defn
class Alarm:
    def __init__(self) -> None:
        self.seen: list[str] = []

    @workflow.run
    async def run(self) -> list[str]:
        loop = asyncio.get_running_loop()
        first = loop.call_later(1.5, self.seen.append, "first")
        second = loop.call_at(loop.time() + 2, self.seen.append, "second")
        assert (first.when(), second.when()) == (loop.time() + 1.5, loop.time() + 2)
        await workflow.wait_condition(lambda: "first" in self.seen)
        first.cancel()
        second.cancel()
        second.cancel()
        assert second.cancelled()
        return self.seen


def test_callbacks_run_when_their_timer_fires() -> None:
    story = Story(Alarm)
    assert story.task() == [StartTimer("1", 1_500), StartTimer("2", 2_000)]
    story.fire_timer("1")
    commands = story.task()
    assert commands[0] == CancelTimer("2")
    assert isinstance(commands[1], CompleteWorkflowExecution)
    assert story.result == ["first"]
    story.replay()


def test_a_timer_is_at_least_a_millisecond() -> None:
    @workflow.defn
    async def short() -> None:
        await asyncio.sleep(0.00001)

    assert Story(short).task() == [StartTimer("1", 1)]


def test_an_error_in_a_callback_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    @workflow.defn
    async def clumsy() -> None:
        def fall() -> None:
            raise ValueError("ouch")

        asyncio.get_running_loop().call_later(1, fall)
        await asyncio.sleep(2)

    story = Story(clumsy)
    story.task()
    story.fire_timer("1")
    with caplog.at_level(logging.WARNING):
        story.task()
    assert "ouch" in caplog.text
