"""Kills and pauses under a load of 2,000 agent runs: everything completes, once.

Each test has a cluster of its own and ends with the same audit (tests/fault/audit.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perdure.client import Client
from perdure_engine.embedded.postgres import EmbeddedPostgres
from tests.cluster import Cluster, Process
from tests.fault.audit import Load, recorded_activities
from tests.fault.journal import Journal
from tests.fault.workload import TASK_QUEUE, CaughtRun
from tests.waiting import wait_until

VISIBILITY_TIMEOUT = "2s"
ATTEMPT_TWO_WITHIN_SECONDS = 4.0
TAKEOVER_WITHIN_SECONDS = 10.0
CAUGHT_RUNS = 20

MID_RUN_STEPS = 1500
"""A quarter of the load's steps have begun: nothing is idle, and most is still to come."""


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


def _start_worker(cluster: Cluster, journal: Journal) -> Process:
    return cluster.start_worker("-m", "tests.fault.load_worker", environment=journal.environment)


@contextlib.asynccontextmanager
async def _load_in_mid_run(cluster: Cluster, journal: Journal) -> AsyncIterator[Load]:
    """The load, once `MID_RUN_STEPS` of its steps have begun; audited at the end."""
    load = Load(await cluster.connect(), journal)
    starting = asyncio.create_task(load.start())
    try:
        await _wait_steps(load, MID_RUN_STEPS)
        yield load
        await starting
        await load.audit()
    except BaseException as error:
        error.add_note(cluster.logs())
        raise
    finally:
        starting.cancel()


async def _wait_steps(load: Load, steps: int) -> None:
    async def begun() -> bool:
        return load.steps_started() >= steps

    await wait_until(begun, what=f"{steps} steps begun", timeout_seconds=60)


async def test_killed_worker_loses_only_the_attempts_it_was_running(bare_cluster: Cluster, journal: Journal) -> None:
    """Visibility timeout 2 s: the second attempts start within 4 s of the kill; finished steps never run again."""
    cluster = bare_cluster
    cluster.start_engine("--visibility-timeout", VISIBILITY_TIMEOUT)
    client = await cluster.connect()
    first = _start_worker(cluster, journal)
    caught = [
        await client.start_workflow(CaughtRun.run, f"caught {n}", id=f"caught-{n}", task_queue=TASK_QUEUE)
        for n in range(CAUGHT_RUNS)
    ]

    async def all_hang() -> bool:
        return sum(line.step == "hang_once" for line in journal.lines()) == CAUGHT_RUNS

    await wait_until(all_hang, what="every caught run in mid-activity")
    _start_worker(cluster, journal)  # so that somebody is there to go on
    await _wait_workers(client, 2)
    async with _load_in_mid_run(cluster, journal):
        first.kill()
        killed_at = time.time()
        async with asyncio.timeout(60):
            assert [await handle.result() for handle in caught] == [2] * CAUGHT_RUNS

    second_attempts = [line for line in journal.lines() if line.attempt == 2]
    hung = [line for line in second_attempts if line.step == "hang_once"]
    assert len(hung) == CAUGHT_RUNS
    latest = max(line.at - killed_at for line in second_attempts)
    assert latest < ATTEMPT_TWO_WITHIN_SECONDS, f"the last second attempt began {latest:.1f} s after the kill"
    for handle in caught:
        assert [(a.activity_type, a.completions, a.attempt) for a in await recorded_activities(handle)] == [
            ("retrieve", 1, 1),
            ("hang_once", 1, 2),
        ]
    assert all(len(journal.by_step()[handle.id, "retrieve"]) == 1 for handle in caught)


async def _wait_workers(client: Client, count: int) -> None:
    async def poll() -> bool:
        return (await client.task_queues.describe(TASK_QUEUE)).activities.workers == count

    await wait_until(poll, what=f"{count} workers that poll", timeout_seconds=60)


async def test_killed_engine_hands_its_shards_to_the_other(bare_cluster: Cluster, journal: Journal) -> None:
    cluster = bare_cluster
    engines = [cluster.start_engine(), cluster.start_engine()]
    before = await cluster.wait_owners(2)
    await cluster.connect()
    _start_worker(cluster, journal)
    async with _load_in_mid_run(cluster, journal):
        engines[0].kill()
        began = time.monotonic()
        after = await cluster.wait_owners(1, timeout_seconds=TAKEOVER_WITHIN_SECONDS)
        moved = time.monotonic() - began
    assert moved < TAKEOVER_WITHIN_SECONDS
    assert set(after) == set(before), "a shard is without an owner"
    assert set(after.values()) < set(before.values())


async def test_paused_engine_wakes_to_find_its_shards_taken(bare_cluster: Cluster, journal: Journal) -> None:
    """The woken engine still believes that it owns them: its fence must stop it, and it must come to itself."""
    cluster = bare_cluster
    engines = [cluster.start_engine(), cluster.start_engine()]
    before = await cluster.wait_owners(2)
    await cluster.connect()
    _start_worker(cluster, journal)
    async with _load_in_mid_run(cluster, journal):
        engines[0].freeze()
        await cluster.wait_owners(1, timeout_seconds=TAKEOVER_WITHIN_SECONDS)
        engines[0].thaw()
        again = await cluster.wait_owners(2)
    assert set(again.values()) == set(before.values())
    assert all(engine.running for engine in engines)


async def test_restarted_engine_goes_on_where_it_was(cluster: Cluster, journal: Journal) -> None:
    _start_worker(cluster, journal)
    async with _load_in_mid_run(cluster, journal):
        (engine,) = (process for process in cluster.processes if process.name.startswith("engine"))
        engine.kill()
        cluster.start_engine()


@pytest.mark.parametrize("end", ["restart", "kill"])
async def test_restarted_postgres_loses_nothing(
    end: str, private_postgres: EmbeddedPostgres, tmp_path: Path, redis_url: str, journal: Journal
) -> None:
    cluster = Cluster(tmp_path, private_postgres.dsn, redis_url)
    cluster.migrate()
    try:
        engine = cluster.start_engine()
        await cluster.connect()
        _start_worker(cluster, journal)
        async with _load_in_mid_run(cluster, journal):
            if end == "kill":
                await asyncio.to_thread(private_postgres.kill)
                await asyncio.to_thread(private_postgres.start)
            else:
                await asyncio.to_thread(private_postgres.restart)
        assert engine.running, engine.output
    finally:
        await cluster.close()
