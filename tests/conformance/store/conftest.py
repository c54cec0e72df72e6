"""The stores under test: memory, Postgres at two isolation levels, and CockroachDB where a node is given; calm, and
disturbed at each statement (`tests.disturbed_connection`)."""

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
from tests.disturbed_connection import ConflictsEverywhere, LossesEverywhere, disturb, let_refuse
from tests.persistent_caller import PersistentCaller

COCKROACH_DSN = os.environ.get("PERDURE_COCKROACH_DSN", "")

MakeStore = Callable[[], Store]
"""Another handle of the same data, not connected: what another engine would hold."""

SERVERS = ["postgres at read committed", "postgres at serializable", *(["cockroach"] if COCKROACH_DSN else [])]
"""`test_cockroach.py` says so where there is none."""

CALM = ["memory", *SERVERS]
DISTURBED = [f"{server}, conflicts" for server in SERVERS] + [f"{server}, losses" for server in SERVERS[1:]]
"""A lost connection is the same at every isolation: serializable alone."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test of a store runs on all kinds; one that asks for `calm` or `no_losses`, on those without."""
    if "kind" in metafunc.fixturenames:
        kinds = CALM if "calm" in metafunc.fixturenames else CALM + DISTURBED
        if "no_losses" in metafunc.fixturenames:
            kinds = [kind for kind in kinds if not kind.endswith("losses")]
        metafunc.parametrize("kind", kinds)


@pytest.fixture
def calm() -> None:
    """For a test that counts calls (a beat that is repeated counts again), or whose outcome is that of two calls at
    once, which a disturbance of one would change."""


@pytest.fixture
def no_losses() -> None:
    """For migrations: one that loses two connections at each of its steps takes seconds, and is tested once."""


@pytest.fixture
def make_empty_store(kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeStore]:
    """Stores on data that was never migrated."""
    yield from _stores(kind, request, monkeypatch, "empty_database_dsn")


@pytest.fixture
def make_store(kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeStore]:
    """Stores on data of 16 shards; for memory and CockroachDB `store` migrates."""
    yield from _stores(kind, request, monkeypatch, "emptied_database_dsn")


@pytest.fixture
async def store(kind: str, make_store: MakeStore) -> AsyncIterator[Store]:
    """A connected store on fresh data. Making the schema and connecting are not disturbed; `test_migration` is."""
    store = make_store()
    direct = store.store if isinstance(store, PersistentCaller) else store
    if not kind.startswith("postgres"):
        await direct.migrate(16)
    await direct.connect()
    try:
        yield store
    finally:
        await store.close()


def _stores(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, database: str
) -> Iterator[MakeStore]:
    server, _, weather = kind.partition(", ")
    if server == "memory":
        data = MemoryDatabase()
        yield lambda: MemoryStore(data)
    elif server == "cockroach":
        with _cockroach_database() as dsn:
            yield _maker(dsn, "serializable", weather, monkeypatch, cockroach=True)
    else:
        dsn = request.getfixturevalue(database)
        yield _maker(dsn, server.removeprefix("postgres at "), weather, monkeypatch)


def _maker(
    dsn: str, isolation: str, weather: str, monkeypatch: pytest.MonkeyPatch, *, cockroach: bool = False
) -> MakeStore:
    if not weather:
        return lambda: PostgresStore(dsn, isolation=isolation)
    if weather == "conflicts" and not cockroach:
        let_refuse(dsn)
    disturb(monkeypatch, ConflictsEverywhere() if weather == "conflicts" else LossesEverywhere(), cockroach=cockroach)
    return lambda: PersistentCaller.of(PostgresStore(dsn, isolation=isolation))


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
