"""Calling local activities that are methods or classes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from perdure import activity, workflow
from perdure.execution.local_activities import LocalCall
from perdure.execution.local_marker import LocalOutcome
from tests.workflow_story import Story

TIMEOUT = timedelta(seconds=9)


class Shop:
    @activity.defn
    async def pack(self, item: str, count: int = 1) -> str:
        return item

    @activity.defn(name="close")
    def close_up(self) -> int:
        return 1


@activity.defn
class Ship:
    async def __call__(self, item: str) -> str:
        return item


@workflow.defn
async def calls() -> list[Any]:
    handles: list[workflow.ActivityHandle[Any]] = [
        workflow.start_local_activity_method(Shop.pack, "a", start_to_close_timeout=TIMEOUT),
        workflow.start_local_activity_method(Shop.pack, "a", 2, start_to_close_timeout=TIMEOUT),
        workflow.start_local_activity_class(Ship, "b", start_to_close_timeout=TIMEOUT),
    ]
    results = [await handle for handle in handles]
    results.append(await workflow.execute_local_activity_method(Shop.close_up, start_to_close_timeout=TIMEOUT))
    results.append(await workflow.execute_local_activity_class(Ship, "c", start_to_close_timeout=TIMEOUT))
    return results


def test_methods_and_classes_are_local_activities_by_their_names() -> None:
    story = Story(calls)
    seen = {}

    def run(call: LocalCall) -> LocalOutcome:
        seen[call.number] = (call.activity_type, story.converter.from_bytes(call.input))
        data = story.converter.value_to_bytes(4 if call.activity_type == "close" else call.activity_id)
        return LocalOutcome(call.number, call.activity_id, call.activity_type, 1, data)

    story.task(run)
    assert list(seen.values()) == [("pack", ["a"]), ("pack", ["a", 2]), ("Ship", ["b"]), ("close", []), ("Ship", ["c"])]
    assert story.result == ["1", "2", "3", 4, "5"]
