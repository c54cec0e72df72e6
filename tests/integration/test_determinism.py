"""Time and chance on a whole cluster: a workflow whose instance is dropped after each task finds what it found."""

from __future__ import annotations

import asyncio
import datetime
import random
import time
import uuid
from datetime import timedelta
from random import randint
from typing import Any
from uuid import uuid4

from perdure import activity, workflow
from perdure.worker import Worker
from tests.memory_cluster import memory_cluster

QUEUE = "determinism"


def found() -> list[Any]:
    draws = [random.random(), randint(1, 10**9), str(uuid.uuid4()), str(uuid4()), random.Random().random()]
    return [time.time(), time.time_ns(), time.monotonic(), str(datetime.datetime.now()), *draws]


@activity.defn
async def found_in_an_activity() -> list[Any]:
    return found()


@activity.defn
def found_in_a_thread() -> list[Any]:
    return found()


@workflow.defn
class Finds:
    @workflow.run
    async def run(self) -> list[list[Any]]:
        results = [found()]
        for real in (found_in_an_activity, found_in_a_thread):
            results.append(await workflow.execute_activity(real, start_to_close_timeout=timedelta(seconds=30)))
            results.append(found())
        await asyncio.sleep(0.01)
        return [*results, found(), found()]

    @workflow.query
    def look(self) -> list[Any]:
        return found()


async def test_replays_find_the_same_and_activities_the_real_ones() -> None:
    async with memory_cluster() as client:
        options: dict[str, Any] = {"workflows": [Finds], "activities": [found_in_an_activity, found_in_a_thread]}
        async with Worker(client, task_queue=QUEUE, max_cached_workflows=0, **options):
            before = time.time()
            handle = await client.start_workflow(Finds.run, id="finds", task_queue=QUEUE)
            results = await handle.result()
            looked = await handle.query(Finds.look)
            history = await handle.fetch_history()
    first, in_activity, second, in_thread, third, last, again = results
    for real in (in_activity, in_thread):
        assert real[0] >= before - 1
        assert real[2] < real[0] - 1_000_000, "the monotonic clock does not count from 1970"
    for mine in (first, second, third, last):
        assert mine[0] == mine[2] == round(mine[1] / 1e3) / 1e6
    draws = [str(draw) for result in (*results, looked) for draw in result[4:]]
    assert len(set(draws)) == len(draws), "nobody draws what somebody else drew"
    assert last[:4] == again[:4], "no time passes within a workflow task"
    assert first[0] < second[0] < third[0] < last[0]
    starts = [event.time_us for event in history.events if type(event.attributes).__name__ == "WorkflowTaskStarted"]
    assert [mine[0] for mine in (first, second, third, last)] == [start / 1e6 for start in starts]
