"""Rates, concurrency and pauses of task queues on real servers, with several workers and two engines."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from perdure import activity, workflow
from perdure.client import Client, TaskQueues, WorkflowFailureError
from perdure.worker import Worker
from tests.cluster import Cluster
from tests.waiting import wait_until

QUEUE = "limited"
BEGUN: list[float] = []
RUNNING: list[int] = []


@activity.defn
async def begin(_number: int) -> None:
    BEGUN.append(time.monotonic())


@activity.defn
async def stay(number: int) -> int:
    RUNNING.append(number)
    most = len(RUNNING)
    await asyncio.sleep(0.02)
    RUNNING.remove(number)
    return most


@workflow.defn
class Many:
    @workflow.run
    async def run(self, name: str, count: int) -> list[int | None]:
        return await asyncio.gather(
            *(
                workflow.execute_activity(
                    name, number, task_queue=QUEUE, start_to_close_timeout=timedelta(minutes=1), result_type=int | None
                )
                for number in range(count)
            )
        )


async def test_a_rate_holds_for_all_workers_and_engines(cluster: Cluster) -> None:
    cluster.start_engine()
    client = await cluster.connect()
    settings = await client.task_queues.set_limits(QUEUE, rate=100, burst=1)
    assert (settings.limits.rate, settings.limits.burst, settings.revision) == (100.0, 1, 1)
    BEGUN.clear()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(Worker(client, task_queue="flows", workflows=[Many]))
        for number in range(4):
            own = await cluster.connect()
            await stack.enter_async_context(
                Worker(own, task_queue=QUEUE, activities=[begin], identity=f"w{number}", max_concurrent_activities=5)
            )
        many = [
            client.execute_workflow(Many.run, args=["begin", 100], id=f"many-{n}", task_queue="flows") for n in range(3)
        ]
        assert [len(results) for results in await asyncio.gather(*many)] == [100, 100, 100]
    BEGUN.sort()
    took_s = BEGUN[-1] - BEGUN[0]
    assert len(BEGUN) == 300
    # As exactly as a busy machine lets this process see it; each engine by itself would be twice as fast.
    assert took_s >= 2.2


async def wait_for(queues: TaskQueues, waiting: int) -> None:
    async def waits() -> bool:
        return (await queues.describe(QUEUE)).activities.waiting == waiting

    await wait_until(waits, what="all activities wait")


async def test_no_more_run_than_may_and_a_pause_holds_everything_back(client: Client) -> None:
    """And what a pause holds back can be failed for good."""
    queues = client.task_queues
    await queues.set_limits(QUEUE, concurrency=3)
    await queues.pause(QUEUE, reason="the printer is on fire")
    async with (
        Worker(client, task_queue="flows", workflows=[Many]),
        Worker(client, task_queue=QUEUE, activities=[stay]),
    ):
        handle = await client.start_workflow(Many.run, args=["stay", 30], id="many", task_queue="flows")
        await wait_for(queues, 30)
        found = await queues.describe(QUEUE)
        assert found.settings.is_paused
        assert found.settings.pause_reason == "the printer is on fire"
        assert (found.activities.waiting, found.activities.running) == (30, 0)
        assert found.activities.oldest_age is not None
        assert found.activities.workers == 1
        await queues.resume(QUEUE)
        assert max(most for most in await handle.result() if most is not None) == 3
        await queues.drain(QUEUE)
        doomed = await client.start_workflow(Many.run, args=["stay", 2], id="doomed", task_queue="flows")
        await wait_for(queues, 2)
        assert await queues.purge(QUEUE, reason="out of paper") == 2
        with pytest.raises(WorkflowFailureError) as failed:
            await doomed.result()
        assert failed.value.cause is not None
        assert "out of paper" in str(failed.value.cause.cause)
