"""A workflow as its own code sees it: time, chance, and what it knows of itself."""

from __future__ import annotations

import asyncio
from typing import Any

from perdure import workflow
from tests.workflow_story import BEGIN_US, Story


def test_time_stands_still_within_a_task() -> None:
    @workflow.defn
    async def clock() -> list[float]:
        before = workflow.time()
        await asyncio.sleep(10)
        return [before, workflow.time(), workflow.now().timestamp(), workflow.time_ns() / 1e9]

    story = Story(clock)
    story.task()
    story.fire_timer()
    story.task()
    begin = BEGIN_US / 1e6
    assert story.result == [begin, begin + 10, begin + 10, begin + 10]
    story.replay()


def test_chance_is_the_same_on_every_replay() -> None:
    @workflow.defn
    async def dice() -> list[Any]:
        rolled = [workflow.random().random(), str(workflow.uuid4())]
        await asyncio.sleep(1)
        return [*rolled, workflow.random().randint(1, 6)]

    results = []
    for _ in range(2):
        story = Story(dice)
        story.task()
        story.fire_timer()
        story.forget()
        story.task()
        results.append(story.result)
    assert results[0] == results[1]


def test_is_replaying_and_history_length() -> None:
    seen: list[tuple[bool, int]] = []

    @workflow.defn
    async def curious() -> None:
        seen.append((workflow.unsafe.is_replaying(), workflow.info().get_current_history_length()))
        await asyncio.sleep(1)
        seen.append((workflow.unsafe.is_replaying(), workflow.info().get_current_history_length()))

    story = Story(curious)
    story.task()
    story.fire_timer()
    story.forget()
    story.task()
    assert seen == [(False, 3), (True, 3), (False, 8)]


def test_info() -> None:
    @workflow.defn(name="named")
    async def curious() -> list[Any]:
        info = workflow.info()
        return [info.workflow_id, info.workflow_type, info.task_queue, info.attempt, info.task_timeout.seconds]

    story = Story(curious)
    story.task()
    assert story.result == ["wf", "named", "queue", 1, 10]
