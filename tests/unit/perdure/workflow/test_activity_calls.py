"""Calling activities that are functions, in every way in which that can be written."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perdure import activity, workflow
from perdure.common import Priority
from perdure.protocol.commands import ScheduleActivityTask
from tests.workflow_story import Story

TIMEOUT = timedelta(seconds=9)


@activity.defn
async def none() -> str:
    return ""


@activity.defn
async def two(first: int, second: str = "x") -> float:
    return 1.0


@activity.defn
def sync(first: int) -> list[int]:
    return [first]


@workflow.defn
async def calls() -> list[Any]:
    handles: list[workflow.ActivityHandle[Any]] = [
        workflow.start_activity(none, start_to_close_timeout=TIMEOUT),
        workflow.start_activity(two, 1, start_to_close_timeout=TIMEOUT),
        workflow.start_activity(two, 1, "b", start_to_close_timeout=TIMEOUT),
        workflow.start_activity(two, args=[1, "b"], start_to_close_timeout=TIMEOUT),
        workflow.start_activity(sync, 1, schedule_to_close_timeout=TIMEOUT, priority=Priority(priority_key=1)),
        workflow.start_activity("named", 1, 2, task_queue="other", start_to_close_timeout=TIMEOUT, activity_id="own"),
        workflow.start_activity("named", result_type=float, start_to_close_timeout=TIMEOUT, heartbeat_timeout=TIMEOUT),
    ]
    return [await handle for handle in handles]


def test_every_way() -> None:
    story = Story(calls)
    commands = [command for command in story.task() if isinstance(command, ScheduleActivityTask)]
    inputs = [story.converter.from_bytes(command.input) for command in commands]
    assert inputs == [[], [1], [1, "b"], [1, "b"], [1], [1, 2], []]
    assert [c.activity_type for c in commands] == ["none", "two", "two", "two", "sync", "named", "named"]
    assert [c.activity_id for c in commands] == ["1", "2", "3", "4", "5", "own", "7"]
    assert commands[4].schedule_to_close_timeout_ms == 9_000
    assert (commands[4].priority, commands[3].priority) == (1, 3)
    assert commands[5].task_queue == "other"
    assert commands[6].heartbeat_timeout_ms == 9_000
    results = ["text", 1, 2, 3, [4], {"any": 5}, 6]
    for command, result in reversed(list(zip(commands, results, strict=True))):
        story.complete_activity(command.activity_id, result)
        story.task()
    assert story.result == results


def test_a_result_that_does_not_fit_its_type_is_named() -> None:
    @workflow.defn
    async def careful() -> None:
        await workflow.execute_activity(two, 1, start_to_close_timeout=TIMEOUT)

    story = Story(careful)
    story.task()
    story.complete_activity("1", {"no": "float"})
    with pytest.raises(TypeError, match="does not fit float") as caught:
        story.task()
    assert "activity 'two' (id '1')" in caught.value.__notes__[0]


def test_arguments_both_ways_are_too_many() -> None:
    @workflow.defn
    async def confused() -> None:
        await workflow.execute_activity(two, 1, args=[1], start_to_close_timeout=TIMEOUT)  # type: ignore[call-overload]

    with pytest.raises(ValueError, match="not both"):
        Story(confused).task()
