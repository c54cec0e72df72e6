"""Tenants that share a task queue, on real servers: nobody waits behind all that another one has."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import timedelta
from itertools import pairwise

from perdure import activity, workflow
from perdure.client import Client
from perdure.common import Priority, RetryPolicy
from perdure.exceptions import ThrottledError
from perdure.worker import Worker

BEGUN: list[tuple[str, float]] = []


@activity.defn
async def work() -> str:
    tenant = activity.info().priority.fairness_key or ""
    BEGUN.append((tenant, time.monotonic()))
    await asyncio.sleep(0.01)
    return tenant


@activity.defn
async def call(_number: int) -> int:
    """A service that takes a third of a second to want more after the second call."""
    tenant = activity.info().priority.fairness_key or ""
    BEGUN.append((tenant, time.monotonic()))
    if tenant == "greedy" and Counter(name for name, _ in BEGUN)["greedy"] == 2:
        raise ThrottledError(timedelta(seconds=0.4))
    return activity.info().attempt


@workflow.defn
class Tenant:
    @workflow.run
    async def run(self, name: str, count: int, queue: str) -> list[str | int]:
        return await asyncio.gather(
            *(
                workflow.execute_activity(
                    name,
                    args=[number] if name == "call" else [],
                    task_queue=queue,
                    start_to_close_timeout=timedelta(minutes=1),
                    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=10)),
                    result_type=str | int,
                )
                for number in range(count)
            )
        )


async def test_a_tenant_with_much_delays_another_ones_task_by_little(shared_client: Client) -> None:
    client, queue = shared_client, "shared"
    BEGUN.clear()
    async with Worker(client, task_queue="flows", workflows=[Tenant]):
        crowd = [
            await client.start_workflow(
                Tenant.run,
                args=["work", 500, queue],
                id=f"large-{n}",
                task_queue="flows",
                priority=Priority(fairness_key="large"),
            )
            for n in range(2)
        ]
        async with Worker(client, task_queue=queue, activities=[work], max_concurrent_activities=10):
            asked_at = time.monotonic()
            found = await client.execute_workflow(
                Tenant.run,
                args=["work", 1, queue],
                id="small",
                task_queue="flows",
                priority=Priority(fairness_key="small"),
            )
            assert found == ["small"], "activities inherit what their workflow was started with"
            waited_s = next(began for tenant, began in BEGUN if tenant == "small") - asked_at
            assert waited_s < 1
            assert Counter(tenant for tenant, _ in BEGUN)["large"] < 1000, "it did not wait for them"
            for handle in crowd:
                await handle.terminate()


async def test_a_429_holds_its_tenant_and_nobody_else(shared_client: Client) -> None:
    client, queue = shared_client, "service"
    BEGUN.clear()
    async with (
        Worker(client, task_queue="flows", workflows=[Tenant]),
        Worker(client, task_queue=queue, activities=[call], max_concurrent_activities=1),
    ):
        greedy, other = [
            await client.start_workflow(
                Tenant.run,
                args=["call", count, queue],
                id=name,
                task_queue="flows",
                priority=Priority(fairness_key=name),
            )
            for name, count in (("greedy", 60), ("other", 20))
        ]
        assert await other.result() == [1] * 20
        assert sorted(await greedy.result()) == [1] * 59 + [2]
    times = [began for tenant, began in BEGUN if tenant == "greedy"]
    assert max(later - earlier for earlier, later in pairwise(times)) > 0.3
    settings = (await client.task_queues.describe(queue)).settings
    assert settings.revision == 0, "what is held for a while is no setting"
