"""A lease is held by the worker's own thread: user code that blocks the event loop must not cost it."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from tests.cluster import Cluster
from tests.fault.audit import recorded_activities
from tests.fault.journal import Journal
from tests.fault.workload import BLOCK_SECONDS, TASK_QUEUE, BlockingRun

LEASE_SECONDS = 1
NEIGHBOURS = 20


async def test_activity_that_blocks_the_loop_for_five_leases_runs_once(bare_cluster: Cluster, tmp_path: Path) -> None:
    assert BLOCK_SECONDS == 5 * LEASE_SECONDS
    cluster = bare_cluster
    cluster.start_engine("--visibility-timeout", f"{LEASE_SECONDS}s")
    journal = Journal(tmp_path / "journal.jsonl")
    client = await cluster.connect()
    for _ in range(2):  # a second worker stands ready to take what the first would lose
        cluster.start_worker("-m", "tests.fault.load_worker", environment=journal.environment)
    handle = await client.start_workflow(BlockingRun.run, NEIGHBOURS, id="blocking", task_queue=TASK_QUEUE)
    async with asyncio.timeout(60):
        assert await handle.result() == list(range(NEIGHBOURS))

    lines = journal.lines()
    assert all(line.attempt == 1 for line in lines)
    assert Counter(line.step for line in lines) == {"block_the_loop": 1, "neighbour": NEIGHBOURS}
    recorded = await recorded_activities(handle)
    assert Counter(activity.completions for activity in recorded) == {1: NEIGHBOURS + 1}
