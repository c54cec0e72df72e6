"""From one version of the engine to the next without a pause: engines replaced one by one under load, nothing lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from perdure_store import sql
from tests.cluster import Cluster, Process
from tests.fault.audit import Load
from tests.fault.journal import Journal
from tests.next_version import make_sql
from tests.waiting import wait_until

WAVE_RUNS = 20
"""Runs that are started at once; waves follow each other until the upgrade is done."""


class Waves:
    """A load that goes on for as long as it is wanted."""

    def __init__(self, loads: list[Load]) -> None:
        self.loads = loads

    @property
    def finished(self) -> int:
        return sum(len(load.acknowledged) for load in self.loads[:-1])

    async def wait_more(self) -> None:
        """Wait until another wave, begun from now on, is through."""
        wanted = len(self.loads) + 1

        async def through() -> bool:
            return len(self.loads) > wanted

        await wait_until(through, what="a wave of runs that began now is through", timeout_seconds=60)


@asynccontextmanager
async def waves(cluster: Cluster, journal: Journal) -> AsyncIterator[Waves]:
    """Runs in waves while the body is carried out; then the audit of all of them."""
    client = await cluster.connect()
    loads: list[Load] = []
    wanted = True

    async def roll() -> None:
        while wanted:
            load = Load(client, journal, runs=WAVE_RUNS, prefix=f"wave-{len(loads)}")
            loads.append(load)
            await load.start()
            await asyncio.gather(*(handle.result() for handle in load.acknowledged))

    rolling = asyncio.create_task(roll())
    try:
        yield Waves(loads)
        wanted = False
        async with asyncio.timeout(60):
            await rolling
        for load in loads:
            await load.audit()
    except BaseException as error:
        error.add_note(cluster.logs())
        raise
    finally:
        rolling.cancel()


async def owned_by(cluster: Cluster, *engines: Process) -> None:
    """Wait until these engines own all shards, and each some."""

    async def shared() -> bool:
        owners = set((await cluster.shard_owners()).values())
        return {_pid(owner) for owner in owners} == {engine.pid for engine in engines}

    await wait_until(shared, what=f"shards owned by {[engine.name for engine in engines]}", timeout_seconds=60)


def _pid(owner: str) -> int:
    """A node is named after its host, its process, and chance."""
    return int(owner.rsplit("-", 2)[1]) if owner else 0


def written_by(cluster: Cluster) -> dict[int, int]:
    """History rows by the version that wrote them; 0 is this one, which does not say it."""
    with psycopg.connect(cluster.postgres_dsn) as connection:
        rows = connection.execute(
            "SELECT written_by, count(*) FROM perdure.history_events WHERE shard_id >= 0 GROUP BY 1"
        ).fetchall()
    return dict(rows)


async def test_engines_are_replaced_one_by_one_under_load(bare_cluster: Cluster, tmp_path: Path) -> None:
    cluster = bare_cluster
    journal = Journal(tmp_path / "journal.jsonl")
    upgraded = ("-m", "tests.next_version", str(make_sql(tmp_path / "sql")))
    old = [cluster.start_engine(), cluster.start_engine()]
    await owned_by(cluster, *old)
    cluster.start_worker("-m", "tests.fault.load_worker", environment=journal.environment)
    async with waves(cluster, journal) as load:
        await load.wait_more()

        assert "with --finish" in await asyncio.to_thread(cluster.migrate, program=upgraded)
        new = [cluster.start_engine(program=upgraded)]
        await owned_by(cluster, *old, *new)
        await load.wait_more()

        await asyncio.to_thread(old[0].stop)  # handed over to both versions
        await owned_by(cluster, old[1], *new)
        old[0] = cluster.start_engine()  # and back: the upgrade can be given up
        await owned_by(cluster, *old, *new)
        await load.wait_more()

        with pytest.raises(AssertionError, match=f"{old[1].pid}.*Nothing was taken away"):
            await asyncio.to_thread(cluster.migrate, "--finish", program=upgraded)

        new.append(cluster.start_engine(program=upgraded))
        await asyncio.to_thread(old[0].stop)
        old[1].freeze()  # it wakes when it is too late
        await owned_by(cluster, *new)
        with psycopg.connect(cluster.postgres_dsn, autocommit=True) as connection:
            # As if it had slept for longer than an engine counts after its last sign of life.
            connection.execute(
                "UPDATE perdure.engine_nodes SET touched = '2020-01-01' WHERE schema_version = %s",
                (sql.schema_version(),),
            )
        printed = await asyncio.to_thread(cluster.migrate, "--finish", program=upgraded)
        assert "drop_engine_nodes_address" in printed
        old[1].thaw()
        await load.wait_more()
        await wait_until(lambda: _ended(old[1]), what="the engine that slept through the upgrade ends")
        await owned_by(cluster, *new)
        late = cluster.start_engine()
        await wait_until(lambda: _ended(late), what="an engine of the earlier version refuses to start")
        assert "upgrade this installation of perdure" in late.output
    assert load.finished >= 4 * WAVE_RUNS
    counts = written_by(cluster)
    assert len(counts) == 2, "both versions wrote histories"


async def _ended(process: Process) -> bool:
    return not process.running
