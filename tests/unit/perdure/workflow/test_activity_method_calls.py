"""Calling activities that are methods or classes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from perdure import activity, workflow
from perdure.protocol.commands import ScheduleActivityTask
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
        workflow.start_activity_method(Shop.pack, "a", start_to_close_timeout=TIMEOUT),
        workflow.start_activity_method(Shop.pack, "a", 2, start_to_close_timeout=TIMEOUT),
        workflow.start_activity_class(Ship, "b", start_to_close_timeout=TIMEOUT),
    ]
    results = [await handle for handle in handles]
    results.append(await workflow.execute_activity_method(Shop.close_up, start_to_close_timeout=TIMEOUT))
    results.append(await workflow.execute_activity_class(Ship, "c", start_to_close_timeout=TIMEOUT))
    return results


def test_methods_and_classes_are_activities_by_their_names() -> None:
    story = Story(calls)
    seen = []
    number = 0
    while not story.is_closed:
        for command in story.task():
            if isinstance(command, ScheduleActivityTask):
                seen.append((command.activity_type, story.converter.from_bytes(command.input)))
        if story.is_closed:
            break
        number += 1
        story.complete_activity(str(number), number if number == 4 else str(number))
    assert seen == [("pack", ["a"]), ("pack", ["a", 2]), ("Ship", ["b"]), ("close", []), ("Ship", ["c"])]
    assert story.result == ["1", "2", "3", 4, "5"]
