"""Redis for the tests: one server a session, one clean logical database a test, and private servers to ill-treat.

PERDURE_REDIS_URL names a running server (its logical databases from 1 up are emptied); without it an embedded one is
started.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from perdure_engine.embedded.valkey import EmbeddedValkey

DATABASES = 16
"""Logical databases that a server has by default."""

SHARED_DATABASE = 1
"""The one that the tests of a module share, if they share any."""

PrivateRedis = Callable[..., EmbeddedValkey]
"""`private_redis(**settings)` starts a server of the test's own, which it may kill, restart or fill up."""


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the session's server, without a database."""
    given = os.environ.get("PERDURE_REDIS_URL")
    if given:
        yield given.rstrip("/")
        return
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
def _redis_databases() -> Iterator[int]:
    return itertools.cycle(range(SHARED_DATABASE + 1, DATABASES))


@pytest.fixture
def redis_url(redis_server: str, _redis_databases: Iterator[int]) -> str:
    """The URL of an empty logical database."""
    return _emptied(f"{redis_server}/{next(_redis_databases)}")


@pytest.fixture(scope="module")
def shared_redis_url(redis_server: str) -> str:
    """As `redis_url`, but one for all tests of a module."""
    return _emptied(f"{redis_server}/{SHARED_DATABASE}")


def _emptied(url: str) -> str:
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
def private_redis(tmp_path: Path) -> Iterator[PrivateRedis]:
    """A factory of servers of the test's own; all are stopped when it ends."""
    servers: list[EmbeddedValkey] = []

    def start(**settings: str) -> EmbeddedValkey:
        named = {name.replace("_", "-"): value for name, value in settings.items()}
        server = EmbeddedValkey(tmp_path / f"valkey-{len(servers)}", settings=named)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.stop()
