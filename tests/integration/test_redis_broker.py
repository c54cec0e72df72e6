"""The Redis broker on a real server: keys that end, restarts, and servers that turn out to be the wrong one."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from perdure_broker.address import parse_address
from perdure_broker.connection import Connection
from perdure_broker.leases import open_leases
from perdure_broker.port import BrokerUnavailable, ClusterInfo, Outbox
from perdure_broker.redis_broker import RedisBroker, open_broker
from perdure_broker.wire import pack
from tests.conformance.broker_servers import ACTIVITY, STICKY, TTL_MS, WORKER, WORKFLOW, publications
from tests.fix_redis import PrivateRedis
from tests.waiting import wait_until

RANGES = {1: 1}


OpenBroker = Callable[..., RedisBroker]


@pytest.fixture
async def opened() -> AsyncIterator[OpenBroker]:
    """Opens brokers, which are closed when the test ends, however it ends."""
    brokers: list[RedisBroker] = []

    def open_one(url: str, **options: Any) -> RedisBroker:
        broker = open_broker(url, **options)
        brokers.append(broker)
        return broker

    yield open_one
    for broker in brokers:
        await broker.close()


@pytest.fixture
async def broker(redis_url: str, opened: OpenBroker) -> RedisBroker:
    broker = opened(redis_url)
    await broker.connect()
    await broker.raise_fence(ACTIVITY, RANGES)
    return broker


# Nothing that finished work stays ------------------------------------------------------------------------------------
async def test_a_sticky_stream_ends_by_itself(broker: RedisBroker, redis_url: str) -> None:
    """Nobody may be left to unlink it, so its keys carry an end."""
    await broker.raise_fence(STICKY, RANGES)
    await broker.announce_worker(STICKY, WORKER, TTL_MS)
    await broker.release(Outbox(publish={STICKY: publications("a")}), RANGES)
    with redis.Redis.from_url(redis_url) as client:
        sticky = [key for key in client.scan_iter() if b":s:" in key]
        assert len(sticky) == 5
        assert all(client.pttl(key) > TTL_MS for key in sticky)
        client.unlink(*sticky)
    assert STICKY not in await broker.task_streams()


async def test_replies_that_were_read_are_trimmed(broker: RedisBroker, redis_url: str) -> None:
    await broker.open_replies("me", TTL_MS)
    cursor = b"0-0"
    for _ in range(20):
        await broker.release(Outbox(replies={"me": [b"x" * 1000] * 500}), {})
        entries = await broker.read_replies("me", cursor, block_ms=1000)
        assert len(entries) == 500
        cursor = entries[-1].entry_id
    with redis.Redis.from_url(redis_url) as client:
        assert client.xlen("perdure:replies:me") < 20


# Losing the server ---------------------------------------------------------------------------------------------------
def _reads(broker: RedisBroker) -> list[asyncio.Task[object]]:
    """One of each kind, all of which wait."""
    return [
        asyncio.create_task(broker.read_inboxes({1: b"0-0"}, count=10, block_ms=20_000)),
        asyncio.create_task(broker.read_tasks([ACTIVITY], "worker-1", count=10, block_ms=20_000)),
        asyncio.create_task(broker.read_replies("me", b"0-0", block_ms=20_000)),
        asyncio.create_task(broker.read_frontend("node", count=10, block_ms=20_000)),
    ]


async def _wait_blocked(client: redis.Redis, count: int) -> None:
    async def all_wait() -> bool:
        return int(client.info("clients")["blocked_clients"]) == count

    await wait_until(all_wait, what="all reads wait at the server")


async def test_a_restart_is_survived_by_every_reader(private_redis: PrivateRedis, opened: OpenBroker) -> None:
    server = private_redis()
    broker = opened(server.url)
    await broker.connect()
    await broker.announce_worker(ACTIVITY, WORKER, TTL_MS)
    await broker.raise_fence(ACTIVITY, RANGES)
    await broker.open_replies("me", TTL_MS)
    epoch = await broker.epoch()

    reading = _reads(broker)
    with redis.Redis.from_url(server.url) as client:
        await _wait_blocked(client, len(reading))
    server.kill()
    outcomes = await asyncio.wait_for(asyncio.gather(*reading, return_exceptions=True), 10)
    assert [type(outcome) for outcome in outcomes] == [BrokerUnavailable] * 4
    started = time.monotonic()
    for call in (broker.epoch(), broker.send([(1, b"x")]), broker.queue_state(ACTIVITY), broker.connect()):
        with pytest.raises(BrokerUnavailable, match=f"127.0.0.1:{server.port}"):
            await call
    assert time.monotonic() - started < 2

    server.start()
    assert await broker.epoch() != epoch  # the last second may be lost: nothing of the old epoch can be trusted
    reading = _reads(broker)
    await broker.send([(1, b"request")])
    await broker.raise_fence(ACTIVITY, RANGES)
    assert (await broker.release(Outbox(publish={ACTIVITY: publications("a")}), RANGES))[ACTIVITY].taken == 1
    await broker.open_replies("me", TTL_MS)
    await broker.reply("me", b"reply")
    await broker.send_frontend(b"ask")
    inboxes, tasks, replies, asked = await asyncio.wait_for(asyncio.gather(*reading), 10)
    assert [entry.data for entry in inboxes[0][1]] == [b"request"]  # type: ignore[index]
    assert [entry.data for entry in (*tasks, *replies, *asked)] == [b"a", b"reply", b"ask"]  # type: ignore[misc]


async def test_a_restart_between_two_calls_goes_unnoticed(private_redis: PrivateRedis, opened: OpenBroker) -> None:
    server = private_redis()
    broker, leases = opened(server.url), open_leases(server.url)
    await broker.raise_fence(ACTIVITY, RANGES)
    await broker.release(Outbox(publish={ACTIVITY: publications("a")}), RANGES)
    (entry,) = await broker.read_tasks([ACTIVITY], "worker-1", count=1, block_ms=1000)
    assert await asyncio.to_thread(leases.renew, "worker-1", {entry.stream: [entry.entry_id]}) == {}
    server.restart()
    assert (await broker.queue_state(ACTIVITY)).pending == 1
    assert await asyncio.to_thread(leases.renew, "worker-1", {entry.stream: [entry.entry_id]}) == {}
    server.stop()
    with pytest.raises(BrokerUnavailable, match=f"127.0.0.1:{server.port}"):
        await asyncio.to_thread(leases.renew, "worker-1", {entry.stream: [entry.entry_id]})
    await asyncio.to_thread(leases.close)


async def test_forgotten_scripts_are_taught_again(broker: RedisBroker, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.script_flush()
    await broker.announce_worker(ACTIVITY, WORKER, TTL_MS)
    with redis.Redis.from_url(redis_url) as client:
        client.script_flush()
    outbox = Outbox(publish={ACTIVITY: publications("a"), WORKFLOW: publications("b")}, backlogged={STICKY})
    results = await broker.release(outbox, RANGES)
    assert [result.taken for result in results.values()] == [1, 1]


async def test_a_replica_is_left(private_redis: PrivateRedis, opened: OpenBroker) -> None:
    """After a failover the address leads elsewhere; a connection to the old master must not be kept."""
    master, server = private_redis(), private_redis()
    broker = opened(server.url)
    await broker.send([(1, b"a")])
    with redis.Redis.from_url(server.url) as client:
        client.replicaof("127.0.0.1", str(master.port))
        with pytest.raises(BrokerUnavailable, match=r"read-only|loading|lost its master"):
            await broker.send([(1, b"b")])
        client.replicaof("NO", "ONE")
    await broker.send([(1, b"c")])


async def test_an_engine_can_start_on_a_full_server(private_redis: PrivateRedis, opened: OpenBroker) -> None:
    """Nobody else would finish the work that fills it."""
    server = private_redis()
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", "1")
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            client.set("a", "b")
    broker = opened(server.url)
    await broker.connect()
    epoch = await broker.epoch()
    info = ClusterInfo("cluster", 1, 16)
    await broker.announce_cluster(info)
    await broker.raise_fence(ACTIVITY, RANGES)
    assert await broker.epoch() == epoch
    assert await broker.cluster_info() == info


async def test_streams_that_are_lost_under_a_read_twice_are_no_bug(broker: RedisBroker, redis_url: str) -> None:
    """A worker that took it for one would end, and so would an engine, when a server loses its data twice in a row."""
    keys = (broker.keys.queue(ACTIVITY).stream, broker.keys.frontend)
    reading = [
        asyncio.create_task(broker.read_tasks([ACTIVITY], "worker-1", count=1, block_ms=20_000)),
        asyncio.create_task(broker.read_frontend("engine-1", count=1, block_ms=20_000)),
    ]
    with redis.Redis.from_url(redis_url) as client:
        await _wait_blocked(client, len(reading))  # on the streams that they found missing, and made
        client.delete(*keys)
        outcomes = await asyncio.wait_for(asyncio.gather(*reading, return_exceptions=True), 10)
    assert [type(outcome) for outcome in outcomes] == [BrokerUnavailable] * len(reading), outcomes


async def test_a_demoted_master_ends_all_reads_that_wait(private_redis: PrivateRedis, opened: OpenBroker) -> None:
    """It answers UNBLOCKED: no bug, but a server to be left."""
    master, server = private_redis(), private_redis()
    broker = opened(server.url)
    await broker.connect()
    reading = _reads(broker)
    with redis.Redis.from_url(server.url) as client:
        await _wait_blocked(client, len(reading))
        client.replicaof("127.0.0.1", str(master.port))
        outcomes = await asyncio.wait_for(asyncio.gather(*reading, return_exceptions=True), 10)
    assert [type(outcome) for outcome in outcomes] == [BrokerUnavailable] * len(reading), outcomes


async def test_a_demoted_master_is_left_by_every_connection(private_redis: PrivateRedis, opened: OpenBroker) -> None:
    """XREAD works on a replica: a reader that was not waiting at that moment would go on there, and see nothing new."""
    master, server = private_redis(), private_redis()
    broker = opened(server.url)
    await broker.read_inboxes({1: b"0-0"}, count=1, block_ms=0)
    await broker.read_replies("me", b"0-0", block_ms=0)
    with redis.Redis.from_url(server.url) as client:

        def connections() -> int:
            return len(client.client_list(_type="normal")) - 1  # type: ignore[no-untyped-call]

        assert connections() == 2
        client.replicaof("127.0.0.1", str(master.port))
        with pytest.raises(BrokerUnavailable, match=r"read-only|loading|lost its master"):
            await broker.send([(1, b"a")])

        async def all_left() -> bool:
            return connections() == 0

        await wait_until(all_left, what="no connection to a demoted master", timeout_seconds=5)


async def test_a_silent_server_is_given_up(private_redis: PrivateRedis, opened: OpenBroker) -> None:
    server = private_redis()
    broker = opened(server.url)
    await broker.connect()
    connection = Connection(broker.address)
    await connection.call(pack(b"PING"), 1)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(BrokerUnavailable, match=r"no answer within 0\.1 s"):
            await connection.call(pack(b"PING"), 1, timeout_s=0.1)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert await connection.call(pack(b"PING"), 1) == [b"PONG"]
    await connection.close()


class Limbo:
    """A way to a server that holds up what is sent, and delivers it after the sender has gone."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._is_holding = False
        self._held = bytearray()
        self._upstream: list[asyncio.StreamWriter] = []
        self._downstream: list[asyncio.StreamWriter] = []
        self._ended = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def hold(self) -> None:
        """From now on; new connections are not held up."""
        self._is_holding = True

    async def deliver(self) -> None:
        """What was held up arrives; returns when the server has dealt with it."""
        self._upstream[0].write(bytes(self._held))
        with suppress(OSError):  # the server has ended it
            self._upstream[0].write_eof()
        await asyncio.wait_for(self._ended.wait(), 10)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(*self._to)
        self._upstream.append(up_writer)
        self._downstream.append(writer)
        is_first = len(self._upstream) == 1
        self._tasks.append(asyncio.create_task(self._answer(up_reader, writer, is_first)))
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                if is_first and self._is_holding:
                    self._held += data
                else:
                    up_writer.write(data)
        if not is_first:
            up_writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_first: bool) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
        if is_first:
            self._ended.set()

    async def close(self) -> None:
        writers = [*self._upstream, *self._downstream]
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, *(writer.wait_closed() for writer in writers), return_exceptions=True)


async def test_what_a_lost_connection_carried_does_not_arrive_after_it_was_repeated(
    private_redis: PrivateRedis,
) -> None:
    """It would publish a task again that was done in between, and its claim given up."""
    server = urlsplit(private_redis().url)
    assert server.hostname is not None
    assert server.port is not None
    limbo = Limbo(server.hostname, server.port)
    listener = await asyncio.start_server(limbo.serve, "127.0.0.1", 0)
    connection = Connection(parse_address(f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"))
    direct = Connection(parse_address(server.geturl()))
    try:
        count = pack(b"INCR", b"count")
        assert await connection.call(count, 1) == [1]
        limbo.hold()
        with pytest.raises(BrokerUnavailable):
            await connection.call(count, 1, timeout_s=0.1)
        assert await connection.call(count, 1) == [2]
        await limbo.deliver()
        assert await direct.call(pack(b"GET", b"count"), 1) == [b"2"]
    finally:
        await connection.close()
        await direct.close()
        await limbo.close()
        listener.close()


async def test_a_closed_broker_says_so(redis_url: str, opened: OpenBroker) -> None:
    broker = opened(redis_url)
    reading = asyncio.create_task(broker.read_tasks([ACTIVITY], "worker-1", count=1, block_ms=20_000))
    inboxes = asyncio.create_task(broker.read_inboxes({1: b"0-0"}, count=1, block_ms=20_000))
    await broker.send([(2, b"a")])
    await broker.close()
    await broker.close()
    for task in (reading, inboxes):
        with pytest.raises(BrokerUnavailable):
            await asyncio.wait_for(task, 10)
    with pytest.raises(BrokerUnavailable, match="has been closed"):
        await broker.epoch()


async def test_a_cancelled_task_read_leaves_a_usable_broker(broker: RedisBroker) -> None:
    reading = asyncio.create_task(broker.read_tasks([ACTIVITY], "worker-1", count=2, block_ms=20_000))
    await broker.announce_worker(ACTIVITY, WORKER, TTL_MS)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await broker.release(Outbox(publish={ACTIVITY: publications("a")}), RANGES)

    async def taken_or_pending() -> bool:
        return bool(await broker.scan_pending(ACTIVITY, idle_ms=0)) or bool(
            await broker.read_tasks([ACTIVITY], "worker-2", count=2, block_ms=100)
        )

    await wait_until(taken_or_pending, what="the task went to somebody")


async def test_two_prefixes_share_a_server(redis_url: str, opened: OpenBroker) -> None:
    one, two = opened(redis_url, prefix="one"), opened(redis_url, prefix="two")
    await one.send([(1, b"a")])
    assert await two.inbox_length(1) == 0
    assert await one.epoch() != await two.epoch()


async def test_inboxes_in_several_partitions(redis_url: str, opened: OpenBroker) -> None:
    """Three blocking reads: the first that has something ends all, a wake ends all, and nothing is lost."""
    broker = opened(redis_url, inbox_partitions=3)
    cursors = dict.fromkeys(range(8), b"0-0")
    got: list[bytes] = []
    for number in range(30):
        reading = asyncio.create_task(broker.read_inboxes(cursors, count=10, block_ms=20_000))
        await asyncio.sleep(0)
        await broker.send([(number % 8, b"%d" % number)])
        for shard, entries in await asyncio.wait_for(reading, 10):
            got += [entry.data for entry in entries]
            cursors[shard] = entries[-1].entry_id
    assert got == [b"%d" % number for number in range(30)]
    reading = asyncio.create_task(broker.read_inboxes(cursors, count=10, block_ms=20_000))
    await asyncio.sleep(0)
    await broker.wake_inbox_reader()
    assert await asyncio.wait_for(reading, 10) == []
