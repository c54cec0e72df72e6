"""Calling local activities that are functions, in every way in which that can be written."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perdure import activity, workflow
from perdure.execution.local_activities import LocalCall
from perdure.execution.local_marker import LocalOutcome
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
        workflow.start_local_activity(none, start_to_close_timeout=TIMEOUT),
        workflow.start_local_activity(two, 1, start_to_close_timeout=TIMEOUT),
        workflow.start_local_activity(two, 1, "b", start_to_close_timeout=TIMEOUT),
        workflow.start_local_activity(two, args=[1, "b"], start_to_close_timeout=TIMEOUT),
        workflow.start_local_activity("named", result_type=float, start_to_close_timeout=TIMEOUT),
    ]
    return [
        *[await handle for handle in handles],
        await workflow.execute_local_activity(sync, 1, start_to_close_timeout=TIMEOUT),
    ]


def test_every_way() -> None:
    story = Story(calls)
    results = {"none": "text", "two": 2, "sync": [4], "named": 5}
    inputs = {}

    def run(call: LocalCall) -> LocalOutcome:
        inputs[call.number] = (call.activity_type, story.converter.from_bytes(call.input))
        data = story.converter.value_to_bytes(results[call.activity_type])
        return LocalOutcome(call.number, call.activity_id, call.activity_type, 1, data)

    story.task(run)
    assert list(inputs.values()) == [
        ("none", []),
        ("two", [1]),
        ("two", [1, "b"]),
        ("two", [1, "b"]),
        ("named", []),
        ("sync", [1]),
    ]
    assert story.result == ["text", 2.0, 2.0, 2.0, 5.0, [4]]


def test_arguments_both_ways_are_too_many() -> None:
    @workflow.defn
    async def confused() -> None:
        await workflow.execute_local_activity(two, 1, args=[1], start_to_close_timeout=TIMEOUT)  # type: ignore[call-overload]

    with pytest.raises(ValueError, match="not both"):
        Story(confused).task()
