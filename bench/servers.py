"""The servers that every contender shares: embedded ones, or those that PERDURE_POSTGRES_DSN and PERDURE_REDIS_URL
name."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis
from psycopg.conninfo import make_conninfo

from perdure_engine.embedded.postgres import EmbeddedPostgres
from perdure_engine.embedded.valkey import EmbeddedValkey


@dataclass(frozen=True)
class Servers:
    """Addresses; `postgres_version` and `redis_version` as the servers say."""

    postgres_dsn: str
    redis_url: str
    postgres_version: str
    redis_version: str
    settings: dict[str, str]

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """A fresh database for one turn, dropped after it."""
        name = f"perdure_bench_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.postgres_dsn, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        try:
            yield make_conninfo(self.postgres_dsn, dbname=name)
        finally:
            with psycopg.connect(self.postgres_dsn, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @contextlib.contextmanager
    def streams(self, number: int) -> Iterator[str]:
        """An empty logical database of Redis, emptied again after the turn."""
        url = f"{self.redis_url.rstrip('/')}/{number}"
        with redis.Redis.from_url(url) as client:
            client.flushdb()
            try:
                yield url
            finally:
                client.flushdb()

    def settle(self) -> None:
        """A checkpoint, so that a turn does not pay for the writes of the one before."""
        with (
            psycopg.connect(self.postgres_dsn, autocommit=True) as connection,
            contextlib.suppress(psycopg.errors.InsufficientPrivilege),  # somebody else's server
        ):
            connection.execute("CHECKPOINT")


@contextlib.contextmanager
def shared_servers() -> Iterator[Servers]:
    """Servers for the time of the bench."""
    with contextlib.ExitStack() as stack:
        dsn = os.environ.get("PERDURE_POSTGRES_DSN") or stack.enter_context(_embedded_postgres())
        url = os.environ.get("PERDURE_REDIS_URL") or stack.enter_context(_embedded_valkey())
        yield _described(dsn, url)


@contextlib.contextmanager
def _embedded_postgres() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="perdure-bench-") as directory:
        Path(directory).chmod(0o755)
        server = EmbeddedPostgres(Path(directory) / "postgres")
        try:
            yield server.start()
        finally:
            server.stop()


@contextlib.contextmanager
def _embedded_valkey() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="perdure-bench-") as directory:
        server = EmbeddedValkey(Path(directory))
        try:
            yield server.start()
        finally:
            server.stop()


def _described(dsn: str, url: str) -> Servers:
    names = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers")
    with psycopg.connect(dsn, autocommit=True) as connection:
        settings = {}
        for name in names:
            row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            settings[name] = str(row[0]) if row else ""
        version = connection.info.parameter_status("server_version") or ""
    with redis.Redis.from_url(url) as client:
        info = client.info("server")
        persistence = client.config_get("appendonly", "appendfsync")
    settings.update({str(name): str(value) for name, value in persistence.items()})
    name = str(info.get("server_name", "redis"))
    return Servers(dsn, url, version, f"{name} {info.get(f'{name}_version', info['redis_version'])}", settings)
