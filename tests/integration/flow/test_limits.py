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
    async def run(self, name: str, count: int, queue: str) -> list[int | None]:
        return await asyncio.gather(
            *(
                workflow.execute_activity(
                    name,
                    number,
                    task_queue=queue,
                    start_to_close_timeout=timedelta(minutes=1),
                    result_type=int | None,
                )
                for number in range(count)
            )
        )


async def test_a_rate_holds_for_all_workers_and_engines(shared_cluster: Cluster, shared_client: Client) -> None:
    client, queue = shared_client, "rated"
    shared_cluster.start_engine()
    settings = await client.task_queues.set_limits(queue, rate=100, burst=1)
    assert (settings.limits.rate, settings.limits.burst, settings.revision) == (100.0, 1, 1)
    BEGUN.clear()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(Worker(client, task_queue="flows", workflows=[Many]))
        for number in range(3):
            own = await stack.enter_async_context(await Client.connect(shared_cluster.address))
            await stack.enter_async_context(
                Worker(own, task_queue=queue, activities=[begin], identity=f"w{number}", max_concurrent_activities=5)
            )
        many = [
            client.execute_workflow(Many.run, args=["begin", 50, queue], id=f"many-{n}", task_queue="flows")
            for n in range(3)
        ]
        assert [len(results) for results in await asyncio.gather(*many)] == [50, 50, 50]
    BEGUN.sort()
    took_s = BEGUN[-1] - BEGUN[0]
    assert len(BEGUN) == 150
    # As exactly as a busy machine lets this process see it; each engine by itself would be twice as fast.
    assert took_s >= 1.1


async def wait_for(queues: TaskQueues, queue: str, waiting: int) -> None:
    async def waits() -> bool:
        return (await queues.describe(queue)).activities.waiting == waiting

    await wait_until(waits, what="all activities wait")


async def test_no_more_run_than_may_and_a_pause_holds_everything_back(shared_client: Client) -> None:
    """And what a pause holds back can be failed for good."""
    client, queue = shared_client, "held"
    queues = client.task_queues
    await queues.set_limits(queue, concurrency=3)
    await queues.pause(queue, reason="the printer is on fire")
    async with (
        Worker(client, task_queue="flows", workflows=[Many]),
        Worker(client, task_queue=queue, activities=[stay]),
    ):
        handle = await client.start_workflow(Many.run, args=["stay", 30, queue], id="many", task_queue="flows")
        await wait_for(queues, queue, 30)
        found = await queues.describe(queue)
        assert found.settings.is_paused
        assert found.settings.pause_reason == "the printer is on fire"
        assert (found.activities.waiting, found.activities.running) == (30, 0)
        assert found.activities.oldest_age is not None
        assert found.activities.workers == 1
        await queues.resume(queue)
        assert max(most for most in await handle.result() if most is not None) == 3
        await queues.drain(queue)
        doomed = await client.start_workflow(Many.run, args=["stay", 2, queue], id="doomed", task_queue="flows")
        await wait_for(queues, queue, 2)
        assert await queues.purge(queue, reason="out of paper") == 2
        with pytest.raises(WorkflowFailureError) as failed:
            await doomed.result()
        assert failed.value.cause is not None
        assert "out of paper" in str(failed.value.cause.cause)
