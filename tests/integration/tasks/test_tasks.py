"""Tasks against real servers: enqueued from plain code, run by `perdure worker`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from perdure.client import ActivityExecutionStatus
from perdure.tasks import TaskTimeout, configure
from tests.cluster import PERDURE, Cluster
from tests.integration.tasks.chores import add, fail_once, where


@pytest.fixture
def address(cluster: Cluster) -> Iterator[str]:
    configure(cluster.address)
    yield cluster.address
    configure()


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
