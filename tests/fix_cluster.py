"""Clusters for tests: a fresh one a test, and the servers of one's own that a test may ill-treat."""

from __future__ import annotations

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
    cluster.migrate()
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


@pytest.fixture
async def client(cluster: Cluster) -> Client:
    """A client of `cluster`."""
    return await cluster.connect()


@pytest.fixture
def private_postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server of the test's own, which it may stop, kill and restart."""
    server = EmbeddedPostgres(tmp_path / "postgres")
    server.start()
    try:
        yield server
    finally:
        server.stop()
