"""What `connect` says of a server that cannot be used: what is wrong, where, what to do, and never a password."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import redis

from perdure_broker import connection
from perdure_broker.port import BrokerUnavailable, WrongConfiguration
from perdure_broker.redis_broker import open_broker
from tests.fix_redis import PrivateRedis


async def connect_error(url: str, kind: type[Exception]) -> str:
    broker = open_broker(url)
    try:
        with pytest.raises(kind) as caught:
            await broker.connect()
    finally:
        await broker.close()
    return str(caught.value)


@asynccontextmanager
async def fake_server(answer: Callable[[bytes], bytes | None]) -> AsyncIterator[int]:
    """A server that answers what it reads; `None` ends the connection."""

    served: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(asyncio.current_task())
        with suppress(ConnectionResetError):
            while data := await reader.read(65536):
                reply = answer(data)
                if reply is None:
                    break
                writer.write(reply)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*(task for task in served if task is not None))


def speaks_redis(info_server: str, info_memory: str = "maxmemory_policy:noeviction") -> Callable[[bytes], bytes]:
    """Answers INFO with these lines, CLIENT INFO as its version would, and anything else with OK."""

    def bulk(text: str) -> bytes:
        return b"$%d\r\n%s\r\n" % (len(text), text.encode())

    def answer(data: bytes) -> bytes:
        replies = b""
        for command in data.split(b"*")[1:]:
            upper = command.upper()
            if b"MEMORY" in upper:
                replies += bulk(info_memory)
            elif b"INFO\r\n$6\r\nSERVER" in upper:
                replies += bulk(info_server)
            elif b"CLIENT\r\n$4\r\nINFO" in upper:
                is_old = "redis_version:6.0" in info_server
                replies += b"-ERR Unknown subcommand\r\n" if is_old else bulk("id=7 addr=127.0.0.1:7 name=")
            else:
                replies += b"+OK\r\n"
        return replies

    return answer


async def test_nothing_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        text = await connect_error(f"redis://someone:secret@127.0.0.1:{port}/3", BrokerUnavailable)
    assert f"redis://127.0.0.1:{port}/3" in text
    assert "secret" not in text


async def test_an_unknown_host() -> None:
    assert "nowhere.invalid" in await connect_error("nowhere.invalid:6379", BrokerUnavailable)


async def test_a_missing_socket() -> None:
    assert "unix:///nowhere.sock" in await connect_error("unix:///nowhere.sock", BrokerUnavailable)


async def test_another_protocol() -> None:
    async with fake_server(lambda data: b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        text = await connect_error(f"127.0.0.1:{port}", WrongConfiguration)
    assert "Redis protocol" in text
    assert str(port) in text


async def test_a_server_that_hangs_up() -> None:
    async with fake_server(lambda data: None) as port:
        assert str(port) in await connect_error(f"127.0.0.1:{port}", BrokerUnavailable)


async def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT_S", 0.2)
    async with fake_server(lambda data: b"") as port:
        assert "no answer" in await connect_error(f"127.0.0.1:{port}", BrokerUnavailable)


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ("redis_version:6.0.16", "Redis 6.0.16"),
        ("redis_version:6.2.14", "Redis 6.2.14"),
        ("redis_version:7.2.4\r\nvalkey_version:7.1.0", "Valkey 7.1.0"),
        ("redis_version:", "unknown version"),
    ],
)
async def test_a_server_below_the_floor(info: str, said: str) -> None:
    async with fake_server(speaks_redis(info)) as port:
        text = await connect_error(f"127.0.0.1:{port}", WrongConfiguration)
    assert said in text
    assert "upgrade" in text


@pytest.mark.parametrize(
    "info", ["redis_version:7.0.0", "redis_version:8.2.1", "redis_version:7.2.4\r\nvalkey_version:9.1.2"]
)
async def test_a_server_at_or_above_the_floor(info: str) -> None:
    async with fake_server(speaks_redis(info)) as port:
        broker = open_broker(f"127.0.0.1:{port}")
        await broker.connect()
        await broker.close()


async def test_eviction_is_refused(private_redis: PrivateRedis) -> None:
    server = private_redis(maxmemory_policy="allkeys-lru")
    text = await connect_error(server.url, WrongConfiguration)
    assert "maxmemory-policy" in text
    assert "allkeys-lru" in text
    assert "noeviction" in text


async def test_a_wrong_password(private_redis: PrivateRedis) -> None:
    server = private_redis()
    with redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", "the-secret")
    assert "password" in await connect_error(server.url, WrongConfiguration)
    for given in ("guess", "someone:guess"):
        text = await connect_error(
            server.url.replace("//", f"//{':' if ':' not in given else ''}{given}@"), WrongConfiguration
        )
        assert "password" in text
        assert "guess" not in text
    broker = open_broker(server.url.replace("//", "//:the-secret@"))
    await broker.connect()
    await broker.close()


async def test_a_unix_socket(private_redis: PrivateRedis, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("s") / "v.sock"
    private_redis(unixsocket=str(path))
    broker = open_broker(f"unix://{path}?db=2")
    await broker.connect()
    await broker.send([(1, b"a")])
    with redis.Redis(unix_socket_path=str(path), db=2) as client:
        assert client.dbsize() == 1
    await broker.close()


@pytest.mark.parametrize("fields", [{"id": "x"}, {"id": "x", "map_version": "1", "shard_count": "many"},
                                    {"id": "x", "map_version": "1", "shard_count": "0"}, {"id": b"\xff"}])  # fmt: skip
async def test_somebody_elses_words_in_our_place(redis_url: str, fields: dict[str, str]) -> None:
    with redis.Redis.from_url(redis_url) as raw:
        raw.hset("perdure:cluster", mapping=fields)
    broker = open_broker(redis_url)
    await broker.connect()
    try:
        with pytest.raises(WrongConfiguration, match=r"the key perdure:cluster at .* does not hold what engines write"):
            await broker.cluster_info()
    finally:
        await broker.close()
