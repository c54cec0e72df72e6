"""Postgres for tests: one server a session, one fresh database a test.

`PERDURE_POSTGRES_DSN` names a server to use (its role must be allowed to create databases); without it an embedded one
is started in a temporary directory. `database_dsn` is a copy of a database that was migrated once a session.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from perdure_engine.embedded.postgres import EmbeddedPostgres
from perdure_store.memory_tables import RETENTION_DEFAULT_MS
from perdure_store.postgres import PostgresStore

SHARD_COUNT = 16

KEPT = ("cluster", "namespaces", "schema_steps")
"""Tables that a fresh database has rows in, and that no test of rows changes."""

EMPTY = f"""
DO $$
DECLARE name text;
BEGIN
    FOR name IN
        SELECT tablename FROM pg_tables WHERE schemaname = 'perdure' AND tablename <> ALL ('{{{",".join(KEPT)}}}')
    LOOP
        EXECUTE format('DELETE FROM perdure.%I', name);
    END LOOP;
END $$;
DELETE FROM perdure.namespaces WHERE namespace <> 'default';
UPDATE perdure.namespaces SET retention_ms = {RETENTION_DEFAULT_MS};
INSERT INTO perdure.shards SELECT n, 0, '', 0, '', '0-0', 1, 0 FROM generate_series(0, {SHARD_COUNT - 1}) AS n;
"""


@pytest.fixture(scope="session")
def postgres_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server, shared by the session's tests. None of them may stop it."""
    given = os.environ.get("PERDURE_POSTGRES_DSN")
    if given:
        yield given
        return
    server = EmbeddedPostgres(Path(tmp_path_factory.mktemp("postgres")) / "data")
    dsn = server.start()
    try:
        yield dsn
    finally:
        server.stop()


@pytest.fixture(scope="session")
def _template_database(postgres_dsn: str) -> Iterator[str]:
    with _database(postgres_dsn, "perdure_template") as name:
        asyncio.run(PostgresStore(make_conninfo(postgres_dsn, dbname=name)).migrate(SHARD_COUNT))
        yield name


@pytest.fixture
def database_dsn(postgres_dsn: str, _template_database: str) -> Iterator[str]:
    """A fresh, migrated database of 16 shards, with a cluster id of its own; dropped after the test."""
    with _migrated_database(postgres_dsn, _template_database) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def shared_database_dsn(postgres_dsn: str, _template_database: str) -> Iterator[str]:
    """As `database_dsn`, but one for all tests of a module."""
    with _migrated_database(postgres_dsn, _template_database) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def _used_database(postgres_dsn: str, _template_database: str) -> Iterator[str]:
    with _database(postgres_dsn, "perdure_used", _template_database) as name:
        yield make_conninfo(postgres_dsn, dbname=name)


@pytest.fixture
def emptied_database_dsn(_used_database: str) -> str:
    """As `database_dsn`, but one database that is emptied before each test: a third of the time, for suites of many
    short tests which leave the schema alone."""
    with psycopg.connect(_used_database, autocommit=True) as connection:
        connection.execute(EMPTY)
    return _used_database


@pytest.fixture
def empty_database_dsn(postgres_dsn: str) -> Iterator[str]:
    """A fresh database without a schema; dropped after the test."""
    with _database(postgres_dsn, "perdure_empty") as name:
        yield make_conninfo(postgres_dsn, dbname=name)


@contextmanager
def _migrated_database(server_dsn: str, template: str) -> Iterator[str]:
    with _database(server_dsn, "perdure_test", template) as name:
        dsn = make_conninfo(server_dsn, dbname=name)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("UPDATE perdure.cluster SET cluster_id = %s", (uuid.uuid4(),))
        yield dsn


@contextmanager
def _database(server_dsn: str, prefix: str, template: str | None = None) -> Iterator[str]:
    name = f"{prefix}_{uuid.uuid4().hex}"
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
    try:
        yield name
    finally:
        with psycopg.connect(server_dsn, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
