"""A sleeping workflow costs rows, not memory, and survives a restart of the engine."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg

from perdure.client import Client, WorkflowExecutionStatus
from tests.cluster import Cluster, Process
from tests.fault.journal import Journal
from tests.fault.workload import HOUR_SECONDS, TASK_QUEUE, AgentRun, Sleeper
from tests.waiting import wait_until

SLEEPERS = 10_000
MEMORY_MORE_BYTES_MAX = 50_000_000
STARTS_AT_ONCE = 1000

NAP_SECONDS = 8.0
"""Long enough to begin before the restart and end after it."""

NAPPERS = 20


async def test_ten_thousand_sleepers_cost_little_and_survive_a_restart(cluster: Cluster, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    (engine,) = cluster.processes
    cluster.start_worker("-m", "tests.fault.load_worker", environment=journal.environment)
    client = await cluster.connect()
    await _warm_up(client)
    none = engine.resident_bytes()

    await _start_sleepers(client)
    await _wait_timers(cluster, SLEEPERS)
    many = engine.resident_bytes()
    assert many - none < MEMORY_MORE_BYTES_MAX, f"{(many - none) / 1e6:.1f} MB more than without sleepers"

    nappers = [
        await client.start_workflow(Sleeper.run, NAP_SECONDS, id=f"napper-{n}", task_queue=TASK_QUEUE)
        for n in range(NAPPERS)
    ]
    await _wait_timers(cluster, SLEEPERS + NAPPERS)
    assert engine.stop() == 0
    restarted = cluster.start_engine()
    client = await cluster.connect()
    async with asyncio.timeout(60):
        assert [await handle.result() for handle in nappers] == ["woken"] * NAPPERS
    await _check_still_asleep(client, restarted, none)


async def _warm_up(client: Client) -> None:
    """Code paths, connections and prepared statements are not what a sleeper costs."""
    for n in range(5):
        await client.execute_workflow(AgentRun.run, f"warm {n}", id=f"warm-{n}", task_queue=TASK_QUEUE)


async def _start_sleepers(client: Client) -> None:
    gate = asyncio.Semaphore(STARTS_AT_ONCE)

    async def start_one(number: int) -> None:
        async with gate:
            await client.start_workflow(Sleeper.run, HOUR_SECONDS, id=f"sleeper-{number}", task_queue=TASK_QUEUE)

    await asyncio.gather(*(start_one(number) for number in range(SLEEPERS)))


async def _wait_timers(cluster: Cluster, count: int) -> None:
    async def all_sleep() -> bool:
        connection = await psycopg.AsyncConnection.connect(cluster.postgres_dsn, autocommit=True)
        async with connection:
            row = await (await connection.execute("SELECT count(*) FROM timer_tasks WHERE shard_id >= 0")).fetchone()
        return row is not None and row[0] >= count

    await wait_until(all_sleep, what=f"{count} timers in the store", timeout_seconds=60, every_seconds=0.2)


async def _check_still_asleep(client: Client, engine: Process, none: int) -> None:
    for number in range(0, SLEEPERS, SLEEPERS // 10):
        handle = client.get_workflow_handle(f"sleeper-{number}")
        assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
    more = engine.resident_bytes() - none
    assert more < MEMORY_MORE_BYTES_MAX, f"{more / 1e6:.1f} MB more than without sleepers, after a restart"
