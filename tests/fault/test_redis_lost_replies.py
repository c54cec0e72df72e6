"""A connection that dies after the server has run a command and before its reply: the broker sends it again, and
nothing is published, claimed or told twice in a way that anybody notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from perdure_broker.port import BrokerUnavailable, Outbox, TaskStream
from perdure_broker.redis_broker import RedisBroker, open_broker
from tests.conformance.broker_servers import ACTIVITY, STICKY, TTL_MS, WORKER, WORKFLOW, numbered, publications

RANGES = {1: 1}


class CuttingProxy:
    """Forwards to a server. `swallow_next_reply`: the next reply is dropped, and its connection with it."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.swallow_next_reply = False
        self.swallow_every_reply = False
        self.cuts = 0
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await asyncio.gather(*self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        from_server, to_server = await asyncio.open_connection(*self._target)
        await asyncio.gather(self._forward(reader, to_server), self._answer(from_server, writer, to_server))

    async def _forward(self, reader: asyncio.StreamReader, to_server: asyncio.StreamWriter) -> None:
        while data := await self._read(reader):
            to_server.write(data)
        to_server.close()

    async def _answer(
        self, from_server: asyncio.StreamReader, writer: asyncio.StreamWriter, to_server: asyncio.StreamWriter
    ) -> None:
        while data := await self._read(from_server):
            if self.swallow_next_reply or self.swallow_every_reply:
                self.swallow_next_reply = False
                self.cuts += 1
                break
            writer.write(data)
        to_server.close()
        writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.read(1 << 20)
        except ConnectionError:
            return b""


@pytest.fixture
async def proxy(redis_url: str) -> AsyncIterator[CuttingProxy]:
    parts = urlsplit(redis_url)
    proxy = CuttingProxy(parts.hostname or "127.0.0.1", parts.port or 6379)
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest.fixture
async def broker(proxy: CuttingProxy, redis_url: str) -> AsyncIterator[RedisBroker]:
    broker = open_broker(f"127.0.0.1:{proxy.port}{urlsplit(redis_url).path}")
    await broker.connect()
    yield broker
    await broker.close()


async def read_all(broker: RedisBroker, stream: TaskStream) -> list[str]:
    entries = await broker.read_tasks([stream], "worker-1", count=1000, block_ms=0)
    return [entry.data.decode() for entry in entries]


async def test_publishing_happens_once(proxy: CuttingProxy, broker: RedisBroker) -> None:
    await broker.announce_worker(STICKY, WORKER, TTL_MS)
    await broker.raise_fence(WORKFLOW, RANGES)
    proxy.swallow_next_reply = True
    results = await broker.release(
        Outbox(publish={WORKFLOW: publications(*numbered(10)), STICKY: publications("sticky")}), RANGES
    )
    assert proxy.cuts == 1
    assert [result.taken for result in results.values()] == [10, 1]
    assert await read_all(broker, WORKFLOW) == numbered(10)
    assert await read_all(broker, STICKY) == ["sticky"]


async def test_finishing_happens_once(proxy: CuttingProxy, broker: RedisBroker) -> None:
    await broker.raise_fence(ACTIVITY, RANGES)
    await broker.release(Outbox(publish={ACTIVITY: publications("a", "b")}), RANGES)
    first, _ = await broker.read_tasks([ACTIVITY], "worker-1", count=2, block_ms=0)
    proxy.swallow_next_reply = True
    await broker.finish(first.stream, [first.entry_id], ["a"])
    assert proxy.cuts == 1
    assert await broker.published(ACTIVITY, ["a", "b"]) == [False, True]
    assert (await broker.queue_state(ACTIVITY)).pending == 1


async def test_backlog_and_announcements_are_safe_to_repeat(proxy: CuttingProxy, broker: RedisBroker) -> None:
    proxy.swallow_next_reply = True
    await broker.announce_worker(ACTIVITY, WORKER, TTL_MS)
    proxy.swallow_next_reply = True
    term = await broker.take_dispatch(ACTIVITY, "node")
    proxy.swallow_next_reply = True
    result = await broker.publish_backlog(ACTIVITY, term, publications(*numbered(250)))
    assert result is not None
    assert result.taken == 200
    assert proxy.cuts == 3
    state = await broker.queue_state(ACTIVITY)
    assert (state.undelivered, state.window, len(state.workers)) == (200, 200, 1)


async def test_a_lost_read_is_pending_until_its_lease_ends(proxy: CuttingProxy, broker: RedisBroker) -> None:
    """What was delivered into a dead connection is not lost: it is idle, and will be found."""
    await broker.raise_fence(ACTIVITY, RANGES)
    await broker.release(Outbox(publish={ACTIVITY: publications("a")}), RANGES)
    await broker.read_replies("nobody", b"0-0", block_ms=0)  # opens the connection that the next read uses
    proxy.swallow_next_reply = True
    assert await read_all(broker, ACTIVITY) == []
    assert proxy.cuts == 1
    (pending,) = await broker.scan_pending(ACTIVITY, idle_ms=0)
    assert pending.consumer == "worker-1"


async def test_a_server_that_always_cuts_is_unavailable(proxy: CuttingProxy, broker: RedisBroker) -> None:
    """One repetition, not an endless loop."""
    proxy.swallow_every_reply = True
    with pytest.raises(BrokerUnavailable):
        await asyncio.wait_for(broker.send([(1, b"x")]), 10)
    assert proxy.cuts == 2
    proxy.swallow_every_reply = False
    await broker.send([(1, b"x")])
