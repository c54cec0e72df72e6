"""An engine that decides nothing: it answers requests of a client by a function of the test.

For tests of the client's side, where the engine must misbehave at will.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from perdure.protocol.frontend import decode_frontend_envelope, decode_frontend_request
from perdure.protocol.replies import encode_replies
from perdure.protocol.requests import decode_envelope, decode_request
from perdure.transport import Transport
from perdure_broker.leases import open_leases
from perdure_broker.port import Broker, BrokerUnavailable, ClusterInfo
from perdure_broker.redis_broker import open_broker

SHARDS = 4
Row = tuple[int, int, Any]
Answer = Callable[[int, Any], Iterable[Row]]
"""`answer(number, request)` gives the reply rows."""


class FakeEngine:
    """Reads the inboxes of all shards and the frontend stream, and replies with what `answer` gives.

    Attributes:
        seen: Every request, in order, with its sender and its shard (-1: the frontend).
        answer: May be replaced while it runs.
    """

    def __init__(self, broker: Broker, answer: Answer) -> None:
        self.broker = broker
        self.answer = answer
        self.seen: list[tuple[str, int, int, Any]] = []
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
        for number, request in requests:
            self.seen.append((sender, shard_id, number, request))
            rows.extend(self.answer(number, request))
        if rows:
            await self.broker.reply(sender, encode_replies(rows))

    def requests(self, kind: type[Any] = object) -> list[Any]:
        """The requests seen so far, of one type."""
        return [request for *_, request in self.seen if isinstance(request, kind)]


@contextlib.asynccontextmanager
async def fake_engine(url: str, answer: Answer) -> AsyncIterator[FakeEngine]:
    """A fake engine at work on a Redis."""
    broker = open_broker(url)
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
async def transport_to(url: str) -> AsyncIterator[Transport]:
    """A transport of the test's own, over an announced cluster."""
    broker = open_broker(url)
    await broker.connect()
    cluster = await broker.cluster_info()
    assert cluster is not None
    transport = Transport(broker, cluster, address="test", identity="tester", open_leases=lambda: open_leases(url))
    await transport.start()
    try:
        yield transport
    finally:
        await transport.close()
