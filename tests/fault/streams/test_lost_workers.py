"""Reclaiming what dead workers hold."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from perdure_broker.port import StreamKind
from tests.fault.streams.scene import Scene, scene
from tests.fault.streams.workload import LEASE_SECONDS, TASK_QUEUE, FanOut
from tests.redis_deployments import RedisCluster

DEAD_ENTRIES = 10_000
MANY_LEASE_SECONDS = 2.0
"""So many are renewed at once as long as their worker lives."""

NOTICED_SECONDS = 20 * LEASE_SECONDS
"""Two leases are enough on a quiet machine."""


async def _kill_in_mid_run(on: Scene, count: int) -> list[int]:
    """A worker is killed while it runs `count` activities, another one takes over. Returns the attempts of each."""
    doomed = on.worker_process(slots=count, doomed=True)
    handle = await on.client.start_workflow(FanOut.run, count, id="fan-out", task_queue=TASK_QUEUE)
    await on.wait_begun(count)
    await on.wait_pending(count)
    doomed.kill()
    await on.worker(slots=count)
    assert await asyncio.wait_for(handle.result(), NOTICED_SECONDS + count / 100) == sum(range(count))
    await on.wait_empty()
    return sorted(Counter(line.attempt for line in on.journal.lines()).items())


async def test_claiming_always_from_the_start_reclaims_a_part(redis_url: str, journal_path: Path) -> None:
    """docket#467: XAUTOCLAIM began at 0-0 each time, so that many dead entries hid those behind them.

    Matching scans the pending list by XPENDING in pages, each from the id after the last one, to the end."""
    async with scene(redis_url, journal_path.parent, lease_seconds=MANY_LEASE_SECONDS) as on:
        assert await _kill_in_mid_run(on, DEAD_ENTRIES) == [(1, DEAD_ENTRIES), (2, DEAD_ENTRIES)]


async def test_ack_before_the_work_loses_tasks_with_their_worker(on_server: Scene) -> None:
    """celery#1628: a task was acked when it was received; with its worker it was gone.

    An entry stays in the stream and in the pending list until the engine has committed what became of it."""
    assert await _kill_in_mid_run(on_server, 50) == [(1, 50), (2, 50)]


async def test_cluster_broker_reclaims_nothing(redis_cluster: RedisCluster, journal_path: Path) -> None:
    """taskiq-redis#130: the broker for clusters had no reclaiming at all.

    There is one broker; all keys of a queue share a slot, so that every script of it runs on a cluster, too."""
    async with scene(redis_cluster.url, journal_path.parent) as on:
        assert await _kill_in_mid_run(on, 50) == [(1, 50), (2, 50)]
        assert (await on.broker.queue_state(on.stream(StreamKind.ACTIVITY))).pending == 0
