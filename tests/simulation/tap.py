"""A broker that writes down what passes: each request that reached an inbox, each reply that was read, each task that
was handed out.

It stands between the faults of a connection and the server, so that what is lost on the way never counts as sent, and
what arrives twice counts twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from perdure.protocol.codec import DecodeError
from perdure.protocol.replies import decode_replies
from perdure.protocol.requests import decode_envelope, decode_request
from perdure.protocol.tasks import QueryTask, decode_task
from perdure_broker.memory import MemoryBroker
from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import StreamEntry, TaskEntry, TaskStream
from tests.simulation.flow_tap import STREAM
from tests.simulation.ledger import Hold, Ledger


class RecordingBroker(MemoryBroker):
    """What a client or a worker is connected to."""

    def __init__(self, server: MemoryServer, ledger: Ledger) -> None:
        super().__init__(server)
        self._ledger = ledger
        self._seen: set[tuple[str, str, bytes]] = set()

    async def send(self, entries: Sequence[tuple[int, bytes]]) -> None:
        await super().send(entries)
        now = asyncio.get_running_loop().time()
        for _, data in entries:
            try:
                _, sender, rows = decode_envelope(data)
                requests = [decode_request(row) for row in rows]
            except DecodeError:
                continue  # a sender of nonsense is the engine's matter
            for sent in requests:
                self._ledger.sent(sender, sent.number, sent.request, now)

    async def read_replies(self, sender: str, cursor: bytes, *, block_ms: int) -> list[StreamEntry]:
        entries = await super().read_replies(sender, cursor, block_ms=block_ms)
        now = asyncio.get_running_loop().time()
        for entry in entries:
            if self._is_new(sender, entry.entry_id):
                for number, kind, body in decode_replies(entry.data):
                    self._ledger.replied(sender, number, kind, body, now)
        return entries

    def _is_new(self, sender: str, entry_id: bytes) -> bool:
        """A reader whose answer was lost reads the same entries again."""
        place = (sender, self._server.epoch, entry_id)
        if place in self._seen:
            return False
        self._seen.add(place)
        return True

    async def hold(self, stream: bytes, key: str, for_us: int) -> None:
        await super().hold(stream, key, for_us)
        if self._server.keys.stream_of(stream) == STREAM:
            now_s = asyncio.get_running_loop().time()
            self._ledger.holds.append(Hold(now_s, self._server.now_ms(), key, for_us // 1000))

    async def read_tasks(
        self, streams: Sequence[TaskStream], worker: str, *, count: int, block_ms: int
    ) -> list[TaskEntry]:
        entries = await super().read_tasks(streams, worker, count=count, block_ms=block_ms)
        now = asyncio.get_running_loop().time()
        for entry in entries:
            task = decode_task(entry.data)
            if not isinstance(task, QueryTask):
                self._ledger.handed_out(worker, task, now)
        return entries
