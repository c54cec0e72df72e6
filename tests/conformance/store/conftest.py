"""The stores under test: memory, Postgres at two isolation levels, and CockroachDB where a node is given."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from perdure_store.memory import MemoryDatabase, MemoryStore
from perdure_store.port import Store
from perdure_store.postgres import PostgresStore

COCKROACH_DSN = os.environ.get("PERDURE_COCKROACH_DSN", "")

MakeStore = Callable[[], Store]
"""Another handle of the same data, not connected: what another engine would hold."""

KINDS = [
    "memory",
    "postgres at read committed",
    "postgres at serializable",
    pytest.param(
        "cockroach",
        marks=pytest.mark.skipif(not COCKROACH_DSN, reason="CockroachDB: not proven on this machine"),
    ),
]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make_empty_store(kind: str, request: pytest.FixtureRequest) -> Iterator[MakeStore]:
    """Stores on data that was never migrated."""
    if kind == "cockroach":
        with _cockroach_database() as dsn:
            yield lambda: PostgresStore(dsn, isolation="serializable")
    else:
        yield _maker(kind, request, "empty_database_dsn")


@pytest.fixture
def make_store(kind: str, request: pytest.FixtureRequest) -> Iterator[MakeStore]:
    """Stores on migrated data, of 16 shards; for memory and CockroachDB `store` migrates."""
    if kind == "cockroach":
        with _cockroach_database() as dsn:
            yield lambda: PostgresStore(dsn, isolation="serializable")
    else:
        yield _maker(kind, request, "database_dsn")


@pytest.fixture
async def store(make_store: MakeStore) -> AsyncIterator[Store]:
    """A connected store on fresh data."""
    store = make_store()
    await store.migrate(16)
    await store.connect()
    try:
        yield store
    finally:
        await store.close()


def _maker(kind: str, request: pytest.FixtureRequest, database: str) -> MakeStore:
    if kind == "memory":
        data = MemoryDatabase()
        return lambda: MemoryStore(data)
    dsn: str = request.getfixturevalue(database)
    isolation = kind.removeprefix("postgres at ")
    return lambda: PostgresStore(dsn, isolation=isolation)


@contextmanager
def _cockroach_database() -> Iterator[str]:
    name = f"perdure_test_{uuid.uuid4().hex}"
    with psycopg.connect(COCKROACH_DSN, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield make_conninfo(COCKROACH_DSN, dbname=name)
    finally:
        with psycopg.connect(COCKROACH_DSN, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} CASCADE")
