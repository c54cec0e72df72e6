"""The bench's address of Postgres, as SQLAlchemy asks for it."""

from __future__ import annotations

import pytest

from bench.contenders.dbos_postgres import sqlalchemy_url


@pytest.mark.parametrize(
    ("dsn", "url"),
    [
        ("user=perdure dbname=bench host=/tmp/pg port=5433", "postgresql://perdure@/bench?host=/tmp/pg&port=5433"),
        ("postgresql://me:secret@db.local:6000/bench", "postgresql://me:secret@db.local:6000/bench"),
        ("postgresql://me@localhost/bench", "postgresql://me@localhost:5432/bench"),
        ("postgresql://me:s%2Fe%40t@localhost/bench", "postgresql://me:s%2Fe%40t@localhost:5432/bench"),
    ],
)
def test_address(dsn: str, url: str) -> None:
    assert sqlalchemy_url(dsn) == url
