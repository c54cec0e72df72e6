"""An engine that decides nothing: it answers requests of a client by a function of the test.

For tests of the client's side, where the engine must misbehave at will.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from perdure.client import Client
from perdure.protocol.content import ContentBlock
from perdure.protocol.frontend import decode_frontend_envelope, decode_frontend_request
from perdure.protocol.replies import encode_replies
from perdure.protocol.requests import decode_envelope, decode_request
from perdure.transport import Transport
from perdure_broker.leases import open_leases
from perdure_broker.memory import MemoryBroker, MemoryLeases
from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import Broker, BrokerUnavailable, ClusterInfo, Leases
from perdure_broker.redis_broker import open_broker

SHARDS = 4
Row = tuple[int, int, Any]
Answer = Callable[[int, Any], Iterable[Row]]
"""`answer(number, request)` gives the reply rows."""


class FakeEngine:
    """Reads the inboxes of all shards and the frontend stream, and replies with what `answer` gives.

    Attributes:
        seen: Every request, in order, with its sender and its shard (-1: the frontend).
        content: What travelled beside each request, by its number.
        answer: May be replaced while it runs.
    """

    def __init__(self, broker: Broker, answer: Answer) -> None:
        self.broker = broker
        self.answer = answer
        self.seen: list[tuple[str, int, int, Any]] = []
        self.content: dict[int, ContentBlock | None] = {}
        self._cursors = dict.fromkeys(range(SHARDS), b"0-0")

    async def serve_inboxes(self) -> None:
        while True:
            try:
                found = await self.broker.read_inboxes(self._cursors, count=1000, block_ms=500)
                for shard_id, entries in found:
                    for entry in entries:
                        self._cursors[shard_id] = entry.entry_id
                        _, sender, rows = decode_envelope(entry.data)
                        await self._reply(sender, shard_id, [decode_request(row) for row in rows])
            except BrokerUnavailable:
                self._cursors = dict.fromkeys(range(SHARDS), b"0-0")
                await asyncio.sleep(0)

    async def serve_frontend(self) -> None:
        while True:
            try:
                for entry in await self.broker.read_frontend("node", count=100, block_ms=500):
                    sender, rows = decode_frontend_envelope(entry.data)
                    await self._reply(sender, -1, [decode_frontend_request(row) for row in rows])
            except BrokerUnavailable:
                await asyncio.sleep(0)

    async def _reply(self, sender: str, shard_id: int, requests: Iterable[Any]) -> None:
        rows: list[Row] = []
        for number, request, *content in requests:
            self.seen.append((sender, shard_id, number, request))
            self.content[number] = content[0] if content else None
            rows.extend(self.answer(number, request))
        if rows:
            await self.broker.reply(sender, encode_replies(rows))

    def requests(self, kind: type[Any] = object) -> list[Any]:
        """The requests seen so far, of one type."""
        return [request for *_, request in self.seen if isinstance(request, kind)]


Server = str | MemoryServer
"""A Redis, by its URL, or a server in memory."""


def broker_of(server: Server) -> Broker:
    """A broker on that server, not connected yet."""
    return MemoryBroker(server) if isinstance(server, MemoryServer) else open_broker(server)


def leases_of(server: Server) -> Leases:
    return MemoryLeases(server) if isinstance(server, MemoryServer) else open_leases(server)


@contextlib.asynccontextmanager
async def fake_engine(server: Server, answer: Answer) -> AsyncIterator[FakeEngine]:
    """A fake engine at work."""
    broker = broker_of(server)
    await broker.connect()
    await broker.announce_cluster(ClusterInfo("c0ffee", 1, SHARDS))
    engine = FakeEngine(broker, answer)
    tasks = [asyncio.create_task(engine.serve_inboxes()), asyncio.create_task(engine.serve_frontend())]
    try:
        yield engine
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await broker.close()


@contextlib.asynccontextmanager
async def transport_to(server: Server) -> AsyncIterator[Transport]:
    """A transport over an announced cluster."""
    broker = broker_of(server)
    await broker.connect()
    cluster = await broker.cluster_info()
    assert cluster is not None
    transport = Transport(broker, cluster, address="test", identity="tester", open_leases=lambda: leases_of(server))
    await transport.start()
    try:
        yield transport
    finally:
        await transport.close()


@contextlib.asynccontextmanager
async def client_of(answer: Answer) -> AsyncIterator[tuple[Client, FakeEngine]]:
    """A client and the fake engine that answers it, in memory."""
    server = MemoryServer()
    async with fake_engine(server, answer) as engine, transport_to(server) as transport:
        yield Client(transport), engine
