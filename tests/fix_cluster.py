"""Clusters for tests: a fresh one a test, one for a module whose tests leave each other alone, and the servers of one's
own that a test may ill-treat."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from perdure.client import Client
from perdure_engine.embedded.postgres import EmbeddedPostgres
from tests.cluster import Cluster


@pytest.fixture
async def bare_cluster(tmp_path: Path, database_dsn: str, redis_url: str) -> AsyncIterator[Cluster]:
    """A migrated database and an empty Redis; the test starts what it wants. Every process ends with the test."""
    cluster = Cluster(tmp_path, database_dsn, redis_url)
    try:
        yield cluster
    finally:
        await cluster.close()


@pytest.fixture
async def cluster(bare_cluster: Cluster) -> Cluster:
    """A cluster with one engine that answers."""
    bare_cluster.start_engine()
    await bare_cluster.connect()
    return bare_cluster


@pytest.fixture(scope="module")
def shared_cluster(
    tmp_path_factory: pytest.TempPathFactory, shared_database_dsn: str, shared_redis_url: str
) -> Iterator[Cluster]:
    """As `cluster`, but one for all tests of a module: what they start has names of its own, and stops nothing."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), shared_database_dsn, shared_redis_url)
    try:
        cluster.start_engine()
        asyncio.run(_until_it_answers(cluster))
        yield cluster
    finally:
        for process in cluster.processes:
            process.end()


@pytest.fixture
async def shared_client(shared_cluster: Cluster) -> AsyncIterator[Client]:
    """A client of `shared_cluster`."""
    client = await Client.connect(shared_cluster.address)
    yield client
    await client.close()


async def _until_it_answers(cluster: Cluster) -> None:
    client = await cluster.connect()
    await client.close()


@pytest.fixture
async def client(cluster: Cluster) -> Client:
    """A client of `cluster`."""
    return await cluster.connect()


@pytest.fixture(scope="session")
def _new_postgres(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a server that was never used, and does not run: to copy it takes no time, to make it does."""
    data = tmp_path_factory.mktemp("new-postgres") / "data"
    server = EmbeddedPostgres(data)
    server.start()
    server.stop()
    return data


@pytest.fixture
def private_postgres(tmp_path: Path, _new_postgres: Path) -> Iterator[EmbeddedPostgres]:
    """A server of the test's own, which it may stop, kill and restart."""
    subprocess.run(["cp", "-a", _new_postgres, tmp_path / "postgres"], check=True)  # with its owner
    server = EmbeddedPostgres(tmp_path / "postgres")
    server.start()
    try:
        yield server
    finally:
        server.stop()
