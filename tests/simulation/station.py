"""A sender of requests, as clients and workers are: numbers, a reply stream, and sending again until an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from perdure.protocol.commands import COMMANDS
from perdure.protocol.replies import ReplyKind, decode_cancel_activity, decode_replies
from perdure.protocol.requests import RespondWorkflowTaskCompleted, encode_envelope, numbered_request
from perdure_broker.port import Broker, BrokerUnavailable
from tests.simulation.process import Process

AGAIN_S = 2.0
REPLIES_TTL_MS = 20_000

Reply = tuple[int, Any]


class Station:
    """One reply stream. `pushed` is called with each push."""

    def __init__(self, name: str, process: Process, broker: Broker, pushed: Callable[[Any], None]) -> None:
        self.name = name
        self._process = process
        self._broker = broker
        self._pushed = pushed
        self._waiting: dict[int, asyncio.Queue[Reply]] = {}
        self._count = 0

    def open(self) -> None:
        self._process.spawn(self._read(), name="replies")

    async def ask(self, shard_id: int, request: Any, *, until: frozenset[int], again_s: float = AGAIN_S) -> Reply:
        """Send until a reply of a kind in `until` came (an error always ends it)."""
        self._count += 1
        number = self._count
        replies = self._waiting[number] = asyncio.Queue()
        wire: Any = request
        if isinstance(request, RespondWorkflowTaskCompleted):
            numbered: list[Any] = [COMMANDS.numbered(command) for command in request.commands]
            wire = request._replace(commands=tuple(numbered))
        envelope = encode_envelope(1, self.name, [numbered_request(number, wire)])
        try:
            while True:
                try:
                    await self._broker.send([(shard_id, envelope)])
                    async with asyncio.timeout(again_s):
                        while True:
                            kind, body = await replies.get()
                            if kind in until or kind == ReplyKind.ERROR:
                                await self._process.gate()
                                return kind, body
                except TimeoutError:
                    await self._process.gate()
                except BrokerUnavailable:
                    await self._process.sleep(0.1)
        finally:
            del self._waiting[number]

    async def _read(self) -> None:
        cursor, epoch = b"0-0", ""
        while True:
            try:
                # That the stream had to be made may have been told in an answer that was lost: the epoch tells, too.
                was_missing = await self._broker.open_replies(self.name, REPLIES_TTL_MS)
                known, epoch = epoch, await self._broker.epoch()
                if was_missing or epoch != known:
                    cursor = b"0-0"
                for entry in await self._broker.read_replies(self.name, cursor, block_ms=500):
                    cursor = entry.entry_id
                    for number, kind, body in decode_replies(entry.data):
                        self._take(number, kind, body)
            except BrokerUnavailable:
                await self._process.sleep(0.1)

    def _take(self, number: int, kind: int, body: Any) -> None:
        if kind == ReplyKind.PUSH:
            self._pushed(decode_cancel_activity(body))
        elif number in self._waiting:
            self._waiting[number].put_nowait((kind, body))
