"""Redis or Postgres away at the start and in mid-run: an error that says what to do, and nothing lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perdure.client import Client
from perdure_engine.embedded.postgres import EmbeddedPostgres
from perdure_engine.embedded.valkey import EmbeddedValkey
from tests.cluster import Cluster, Process
from tests.fault.audit import Load
from tests.fault.journal import Journal
from tests.fix_redis import PrivateRedis
from tests.waiting import wait_until

RUNS = 300
"""Enough that the outage finds them in all states."""


@pytest.fixture
def valkey(private_redis: PrivateRedis) -> EmbeddedValkey:
    return private_redis()


@pytest.fixture
async def own_cluster(
    tmp_path: Path, private_postgres: EmbeddedPostgres, valkey: EmbeddedValkey
) -> AsyncIterator[Cluster]:
    """A cluster whose servers the test may stop."""
    cluster = Cluster(tmp_path, private_postgres.dsn, valkey.url)
    cluster.migrate()
    try:
        yield cluster
    finally:
        await cluster.close()


async def test_engine_without_postgres_ends_with_what_to_do(
    own_cluster: Cluster, private_postgres: EmbeddedPostgres
) -> None:
    """A supervisor starts it again; a person reads why."""
    private_postgres.stop()
    output = await _ended(own_cluster.start_engine())
    assert "cannot be reached" in output
    assert "--postgres" in output
    private_postgres.start()
    own_cluster.start_engine()
    await own_cluster.connect()


async def test_engine_without_redis_ends_with_what_to_do(own_cluster: Cluster, valkey: EmbeddedValkey) -> None:
    valkey.stop()
    output = await _ended(own_cluster.start_engine())
    assert valkey.url in output
    assert "--redis" in output
    valkey.start()
    own_cluster.start_engine()
    await own_cluster.connect()


async def _ended(engine: Process) -> str:
    """What an engine said that ended by itself, without a traceback."""

    async def ended() -> bool:
        return not engine.running

    await wait_until(ended, what="an engine that ends")
    assert "Traceback" not in engine.output
    return engine.output


async def test_client_says_that_nothing_is_there(own_cluster: Cluster, valkey: EmbeddedValkey) -> None:
    valkey.stop()
    with pytest.raises(Exception, match=valkey.url.removeprefix("redis://")) as caught:
        await Client.connect(own_cluster.address)
    assert "perdure dev" in str(caught.value) or "address" in str(caught.value)


@pytest.mark.parametrize("server", ["postgres", "redis"])
@pytest.mark.parametrize("end", ["restart", "kill"])
async def test_server_lost_in_mid_run(
    own_cluster: Cluster,
    private_postgres: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    tmp_path: Path,
    server: str,
    end: str,
) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    engine = own_cluster.start_engine()
    load = Load(await own_cluster.connect(), journal, runs=RUNS)
    worker = own_cluster.start_worker("-m", "tests.fault.load_worker", "20", environment=journal.environment)
    starting = asyncio.create_task(load.start())

    async def in_mid_run() -> bool:
        return load.steps_started() > RUNS // 2

    try:
        await wait_until(in_mid_run, what="a load in mid-run")
        await asyncio.to_thread(_lose, private_postgres if server == "postgres" else valkey, end)
        await starting
        await load.audit()
    except BaseException as error:
        error.add_note(own_cluster.logs())
        raise
    assert engine.running, engine.output
    assert worker.running, worker.output


def _lose(server: EmbeddedPostgres | EmbeddedValkey, end: str) -> None:
    if end == "kill":
        server.kill()
        server.start()
    else:
        server.restart()
