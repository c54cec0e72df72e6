"""The sweeper of a queue, and the timers of half the shards, on an engine that is killed.

One scene for both tests: two engines and two workers, real processes. One worker is killed with what it runs, and at
the same time the engine that watches the leases of its queue.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from perdure.client import Client, WorkflowHandle
from perdure.protocol.events import EventType
from perdure_engine.embedded.valkey import EmbeddedValkey
from perdure_engine.history.ownership import preferred_node
from tests.cluster import Cluster, Process
from tests.fault.journal import Journal, Line
from tests.fault.streams.workload import DOOMED, TASK_QUEUE, FanOut, Sleeper
from tests.waiting import wait_until

ACTIVITIES = 20
SLEEPERS = 40
"""On 16 shards of two engines: some of each."""

SLEEP_SECONDS = 2.0
"""Due while the shards of the killed engine have no owner."""

UNTOUCHED_SECONDS = 4.0
TAKEOVER_SECONDS = 20.0
"""How late a timer may be on a busy machine: of a shard that goes on (less than it takes to notice a dead engine), and
of one that is taken over."""


Sleeping = WorkflowHandle[Any, None]


class Aftermath(NamedTuple):
    """Result of the fan-out, its lines, and how late the timer of each sleeper fired (seconds), by the engine that
    owned its shard."""

    total: int
    lines: list[Line]
    late: Mapping[str, list[float]]
    killed: str


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory, postgres_dsn: str) -> Aftermath:
    directory = tmp_path_factory.mktemp("lost-engine")
    name = f"perdure_test_{uuid.uuid4().hex}"
    valkey = EmbeddedValkey(directory / "valkey")
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            return asyncio.run(_run(Cluster(directory, make_conninfo(postgres_dsn, dbname=name), valkey.start())))
        finally:
            valkey.stop()
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def _run(cluster: Cluster) -> Aftermath:
    cluster.migrate()
    engines = [cluster.start_engine("--visibility-timeout", "1s") for _ in range(2)]
    journal = Journal(cluster.directory / "journal.jsonl")
    try:
        client = await cluster.connect()
        await cluster.wait_owners(2)
        doomed = _start_worker(cluster, journal, doomed=True)
        fan_out = await client.start_workflow(FanOut.run, ACTIVITIES, id="fan-out", task_queue=TASK_QUEUE)
        sleepers = await _start_sleepers(client)
        await _wait_lines(journal, ACTIVITIES)
        owners = await cluster.shard_owners()
        sweeper = preferred_node(f"default\0{TASK_QUEUE}", sorted(set(owners.values())))
        doomed.kill()
        _process_of(sweeper, engines).kill()
        _start_worker(cluster, journal)
        async with asyncio.timeout(2 * TAKEOVER_SECONDS):
            total = await fan_out.result()
            late: dict[str, list[float]] = {owner: [] for owner in owners.values()}
            for sleeper in sleepers:
                owner = owners[client.transport.shard_id("default", sleeper.id)]
                late[owner].append(await _lateness(sleeper))
        return Aftermath(total, journal.lines(), late, sweeper)
    except BaseException as error:
        error.add_note(cluster.logs())
        raise
    finally:
        await cluster.close()


def _start_worker(cluster: Cluster, journal: Journal, *, doomed: bool = False) -> Process:
    environment = {DOOMED: "1" if doomed else "", **journal.environment}
    return cluster.start_worker("-m", "tests.fault.streams.worker_process", TASK_QUEUE, "100", environment=environment)


async def _start_sleepers(client: Client) -> list[Sleeping]:
    return [
        await client.start_workflow(Sleeper.run, SLEEP_SECONDS, id=f"sleeper-{number}", task_queue=TASK_QUEUE)
        for number in range(SLEEPERS)
    ]


async def _lateness(sleeper: Sleeping) -> float:
    """How long after it was due its timer fired, as the history has it: no worker plays a part in that."""
    await sleeper.result()
    times = {event.event_type: event.time_us async for event in sleeper.fetch_history_events()}
    return (times[EventType.TIMER_FIRED] - times[EventType.TIMER_STARTED]) / 1e6 - SLEEP_SECONDS


async def _wait_lines(journal: Journal, count: int) -> None:
    async def begun() -> bool:
        return len(journal.lines()) == count

    await wait_until(begun, what=f"{count} activities that run")


def _process_of(node: str, engines: list[Process]) -> Process:
    """Nodes are named by host, process and a random part."""
    return next(engine for engine in engines if node.split("-")[-2] == str(engine.pid))


def test_lock_of_the_sweeper_is_stuck_after_its_crash(aftermath: Aftermath) -> None:
    """taskiq-redis#129: the sweeper of unacked entries died with its lock, and nobody swept any more.

    No lock is held: each queue is watched by the live engine that rendezvous hashing names, and engines judge one
    another alive by a counter in the store. Two at a time would do no harm, since the run decides what is lost."""
    assert aftermath.total == sum(range(ACTIVITIES))
    attempts = sorted(line.attempt for line in aftermath.lines if line.step == "work")
    assert attempts == [1] * ACTIVITIES + [2] * ACTIVITIES


def test_failure_of_the_single_scheduler_stops_all_schedules(aftermath: Aftermath) -> None:
    """celery#1495, BullMQ#3272: one process fired whatever was due; when it was gone, nothing was.

    Timers are rows of a shard, fired by its owner; whoever takes the shard over finds them, and those of other shards
    are not touched at all."""
    assert len(aftermath.late) == 2
    assert max(aftermath.late[aftermath.killed]) > 1, "no timer was due while its shard had no owner"
    for owner, late in aftermath.late.items():
        assert len(late) > 2
        assert max(late) < (TAKEOVER_SECONDS if owner == aftermath.killed else UNTOUCHED_SECONDS), f"{owner}: {late}"
