"""The servers that these tests run on, and a scene on each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from perdure_broker.redis_broker import RedisBroker, open_broker
from perdure_engine.embedded.valkey import EmbeddedValkey
from tests.fault.journal import ENVIRONMENT
from tests.fault.streams.scene import Scene, scene
from tests.fix_redis import PrivateRedis
from tests.redis_deployments import find_redis_server

SINGLE_SERVERS = ("valkey", "debian_redis")
NO_REDIS = "no redis-server on the PATH (apt install redis-server)"


@pytest.fixture(scope="session")
def debian_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server of the Redis that is installed here."""
    program = find_redis_server()
    if program is None:
        pytest.skip(NO_REDIS)
    server = EmbeddedValkey(tmp_path_factory.mktemp("redis"), program=program)
    yield server.start()
    server.stop()


@pytest.fixture(params=SINGLE_SERVERS)
def server_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, of each kind of server in turn."""
    if request.param == "valkey":
        return str(request.getfixturevalue("redis_url"))
    url = str(request.getfixturevalue("debian_redis"))
    with redis.Redis.from_url(url) as client:
        client.flushall()
    return url


@pytest.fixture(params=SINGLE_SERVERS)
def private_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PrivateRedis]:
    """A factory of servers of the test's own, of each kind in turn."""
    program = None
    if request.param == "debian_redis":
        program = find_redis_server()
        if program is None:
            pytest.skip(NO_REDIS)
    servers: list[EmbeddedValkey] = []

    def start(**settings: str) -> EmbeddedValkey:
        server = EmbeddedValkey(tmp_path / f"server-{len(servers)}", settings=settings, program=program)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
async def broker(server_url: str) -> AsyncIterator[RedisBroker]:
    broker = open_broker(server_url)
    await broker.connect()
    yield broker
    await broker.close()


@pytest.fixture
def journal_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where activities in this process write; a scene reads it."""
    path = tmp_path / "journal.jsonl"
    monkeypatch.setenv(ENVIRONMENT, str(path))
    return path


@pytest.fixture
async def on_valkey(redis_url: str, journal_path: Path) -> AsyncIterator[Scene]:
    async with scene(redis_url, journal_path.parent) as made:
        yield made


@pytest.fixture
async def on_server(server_url: str, journal_path: Path) -> AsyncIterator[Scene]:
    async with scene(server_url, journal_path.parent) as made:
        yield made
