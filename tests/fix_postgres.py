"""Postgres for tests: one server a session, one fresh database a test.

`PERDURE_POSTGRES_DSN` names a server to use (its role must be allowed to create databases); without it an embedded one
is started in a temporary directory.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from perdure_engine.embedded.postgres import EmbeddedPostgres


@pytest.fixture(scope="session")
def postgres_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server, shared by the session's tests."""
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


@pytest.fixture
def database_dsn(postgres_dsn: str) -> Iterator[str]:
    """A fresh database, dropped after the test."""
    name = f"perdure_test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield make_conninfo(postgres_dsn, dbname=name)
    finally:
        with psycopg.connect(postgres_dsn, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
