"""What a workflow may ask and do; what it says outside of one is an error."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perdure import workflow
from perdure.converter import DataConverter
from perdure.protocol.codec import pack
from perdure.protocol.commands import CancelTimer, CompleteWorkflowExecution, StartTimer
from tests.workflow_story import Story


def test_outside_of_a_workflow() -> None:
    assert not workflow.in_workflow()
    with pytest.raises(workflow.NotInWorkflowError, match="only inside a workflow"):
        workflow.now()


@workflow.defn
class Asking:
    @workflow.run
    async def run(self) -> list[Any]:
        return [
            workflow.in_workflow(),
            workflow.instance() is self,
            dict(workflow.memo()),
            workflow.memo_value("who", type_hint=str),
            workflow.memo_value("nobody", "default"),
            workflow.is_failure_exception(ValueError()),
            workflow.payload_converter() is DataConverter.default.payload_converter,
            workflow.cancellation_reason(),
        ]


def test_inside() -> None:
    story = Story(Asking)
    memo = {"who": DataConverter.default.payload_converter.to_payload("Ann")}
    started = story.events[0]
    story.events[0] = started._replace(attributes=started.attributes._replace(memo=pack(memo)))
    story.task()
    assert story.result == [True, True, {"who": "Ann"}, "Ann", "default", False, True, None]


@workflow.defn
async def missing_note() -> None:
    try:
        workflow.memo_value("nobody")
    except KeyError as error:
        raise workflow.NondeterminismError(str(error)) from None


def test_a_note_that_is_not_there() -> None:
    with pytest.raises(workflow.NondeterminismError, match="the memo has no 'nobody'"):
        Story(missing_note).task()


@workflow.defn
async def sleeper() -> None:
    await workflow.sleep(0)
    await asyncio.sleep(timedelta(seconds=2))  # type: ignore[arg-type]  # also understood in workflows
    await workflow.sleep(timedelta(seconds=3), summary="a nap")


def test_sleeping() -> None:
    story = Story(sleeper)
    assert story.task() == [StartTimer("1", 2_000)]
    story.fire_timer("1")
    assert story.task() == [StartTimer("2", 3_000, "a nap")]
    story.fire_timer("2")
    assert [type(c) for c in story.task()] == [CompleteWorkflowExecution]


@workflow.defn
class Late:
    """Sets its handlers while it runs."""

    @workflow.run
    async def run(self) -> list[Any]:
        seen: list[Any] = []

        def named(text: str) -> None:
            seen.append(text)

        async def rest(name: str, args: Any) -> None:
            seen.append([name, [workflow.payload_converter().from_payload(a.payload) for a in args]])

        await workflow.sleep(1)
        workflow.set_signal_handler("named", named)
        workflow.set_dynamic_signal_handler(rest)
        workflow.set_query_handler("q", lambda: 1)
        workflow.set_dynamic_query_handler(lambda name, args: name)
        assert workflow.get_signal_handler("named") is named
        assert workflow.get_dynamic_signal_handler() is rest
        assert workflow.get_query_handler("q") is not None
        assert workflow.get_dynamic_query_handler() is not None
        await workflow.wait_condition(lambda: len(seen) == 3)
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.set_query_handler("q", None)
        assert workflow.get_query_handler("q") is None
        return seen


def test_what_came_before_its_handler_is_delivered_when_it_is_set() -> None:
    story = Story(Late)
    story.signal("named", "early")
    story.signal("unnamed", 1, 2)
    story.task()
    story.fire_timer()
    story.task()
    assert story.instance.query("q", b"")
    assert story.instance.query("other", b"")
    story.signal("named", "late")
    story.task()
    assert story.result == ["early", ["unnamed", [1, 2]], "late"]
    story.replay()


@workflow.defn
async def conditions() -> list[Any]:
    calls: list[int] = []
    await workflow.wait_condition(lambda: True)
    try:
        await workflow.wait_condition(lambda: False, timeout=0)
    except TimeoutError:
        calls.append(0)
    asyncio.get_running_loop().call_soon(calls.append, 1)
    await workflow.wait_condition(lambda: len(calls) == 2, timeout=timedelta(seconds=5), timeout_summary="s")
    try:
        await workflow.wait_condition(lambda: bool(1 / (2 - len(calls))))
    except ZeroDivisionError:
        calls.append(2)
    return calls


def test_conditions() -> None:
    story = Story(conditions)
    assert [type(c) for c in story.task()] == [CompleteWorkflowExecution]
    assert story.result == [0, 1, 2]
    assert CancelTimer("1") not in story.commands
