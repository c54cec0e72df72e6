"""Tasks against real servers: enqueued from plain code, run by `perdure worker`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from perdure.client import (
    ActivityExecutionStatus,
    Client,
    Schedule,
    ScheduleActionExecutionStartActivity,
    ScheduleActionStartActivity,
    ScheduleSpec,
)
from perdure.tasks import TaskTimeout, configure
from tests.cluster import PERDURE, Cluster
from tests.integration.tasks.chores import add, fail_once, where
from tests.waiting import wait_until


@pytest.fixture
def address(cluster: Cluster) -> Iterator[str]:
    configure(cluster.address)
    yield cluster.address
    configure()


async def by_schedule(client: Client) -> str:
    """Have a schedule start a task; returns its id."""
    action = ScheduleActionStartActivity(add, args=[20, 3], id="scheduled", **add.activity_options)
    handle = await client.create_schedule("s", Schedule(action, ScheduleSpec()), trigger_immediately=True)

    async def is_taken() -> bool:
        return (await handle.describe()).info.num_actions == 1

    await wait_until(is_taken, what="the action is taken")
    [taken] = (await handle.describe()).info.recent_actions
    assert isinstance(taken.action, ScheduleActionExecutionStartActivity)
    return taken.action.activity_id


async def test_from_plain_code_to_a_worker_and_back(cluster: Cluster, address: str) -> None:
    cluster.start_worker(*PERDURE, "worker", "tests.integration.tasks.chores")

    def plain() -> None:
        assert add.delay(1, b=2).get(timeout=60) == 3
        assert where.delay().get(timeout=60) != os.getpid()
        handles = add.delay_many([(number, number) for number in range(200)])
        assert [handle.get(60) for handle in handles] == [2 * number for number in range(200)]
        tried = fail_once.delay("it")
        assert tried.get(60) == 2
        assert tried.status == ActivityExecutionStatus.COMPLETED
        later = add.apply_async((1, 2), countdown=3_600, task_id="later")
        with pytest.raises(TaskTimeout, match="it goes on"):
            later.get(timeout=0.01)
        assert not add.apply_async((1, 2), task_id="later").is_new
        later.cancel()
        assert later.status == ActivityExecutionStatus.CANCELED

    await asyncio.to_thread(plain)
    client = await cluster.connect()
    assert await client.get_activity_handle(await by_schedule(client), result_type=int).result() == 23
    closed = [row async for row in client.list_activities("ActivityType = 'add'", page_size=50)]
    assert (len(closed), closed[0].activity_id.startswith("scheduled-")) == (203, True)
    assert (await client.count_activities("ExecutionStatus = 'Canceled'")).count == 1
