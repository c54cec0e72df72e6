"""`workflow.wait` and `workflow.as_completed`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure import workflow
from perdure.workflow.concurrency import as_completed, wait
from tests.workflow_story import Story


@workflow.defn
async def waiting() -> list[Any]:
    tasks = [asyncio.create_task(asyncio.sleep(n, n)) for n in (3, 1, 2)]
    done, pending = await workflow.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    first = [[t.result() for t in done], [tasks.index(t) for t in pending]]
    done, pending = await workflow.wait([*tasks, *tasks])
    return [first, [t.result() for t in done], len(pending)]


def test_wait_keeps_the_order_in_which_it_was_asked() -> None:
    story = Story(waiting)
    story.task()
    for timer in ("2", "3", "1"):
        story.fire_timer(timer)
        story.task()
    assert story.result == [[[1], [0, 2]], [3, 1, 2], 0]
    story.replay()


@workflow.defn
async def in_order_of_completion() -> list[Any]:
    seen: list[Any] = []
    try:
        for finished in workflow.as_completed([asyncio.sleep(n, n) for n in (3, 1, 2)], timeout=2.5):
            seen.append(await finished)
    except TimeoutError:
        seen.append("late")
    return seen


def test_as_completed_gives_what_is_done_first() -> None:
    story = Story(in_order_of_completion)
    story.task()
    for timer in ("3", "4", "1"):  # the timeout's own timer is the first
        story.fire_timer(timer)
        story.task()
    assert story.result == [1, 2, "late"]
    story.replay()


async def _itself(number: int) -> int:
    return number


async def test_both_work_outside_of_workflows_too() -> None:
    task = asyncio.create_task(_itself(1))
    done, pending = await wait([task])
    assert (done, pending) == ([task], [])
    assert [await f for f in as_completed([_itself(1), _itself(2)])] == [1, 2]
    assert list(as_completed([])) == []


async def test_wait_takes_no_coroutines() -> None:
    coroutine = asyncio.sleep(0)
    with pytest.raises(TypeError, match="create_task"):
        await wait([coroutine])  # type: ignore[type-var]
    coroutine.close()
