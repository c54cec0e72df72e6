"""Inboxes of shards: requests in, read by cursor by the shard's owner.

Role: part of the Redis broker. One blocking read a partition of inboxes returns what is new in all of its shards; a
wake ends the read without losing anything, because an inbox is read by cursor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from perdure_broker import errors
from perdure_broker.address import Address
from perdure_broker.connection import CALL_TIMEOUT_S, Connection
from perdure_broker.keys import Keys
from perdure_broker.port import StreamEntry
from perdure_broker.session import Session
from perdure_broker.wire import ReplyError, pack


class InboxCalls(Session):
    """Sending to inboxes and reading them."""

    def __init__(self, address: Address, keys: Keys) -> None:
        super().__init__(address, keys)
        self._inbox_keys: dict[int, bytes] = {}
        self._inbox_shards: dict[bytes, int] = {}
        self._inbox_connections = [Connection(address) for _ in range(keys.inbox_partitions)]
        self._inbox_waiting: set[Connection] = set()
        self._inbox_wake = False

    async def close(self) -> None:
        for connection in self._inbox_connections:
            await connection.close()
        await super().close()

    async def send(self, entries: Sequence[tuple[int, bytes]]) -> None:
        await self._send_all([pack(b"XADD", self._inbox(shard), b"*", b"d", data) for shard, data in entries])

    async def read_inboxes(
        self, cursors: Mapping[int, bytes], *, count: int, block_ms: int
    ) -> list[tuple[int, list[StreamEntry]]]:
        if self._inbox_wake:
            block_ms = 0
        partitions: list[list[int]] = [[] for _ in self._inbox_connections]
        for shard in cursors:
            partitions[self.keys.partition(shard)].append(shard)
        reads = [
            (connection, self._read_command(shards, cursors, count, block_ms))
            for connection, shards in zip(self._inbox_connections, partitions, strict=True)
            if shards
        ]
        timeout_s = block_ms / 1000 + CALL_TIMEOUT_S
        # Without an await since the look at the wake: a later wake finds these reads, and ends them.
        self._inbox_waiting.update(connection for connection, _ in reads)
        try:
            if len(reads) == 1:
                replies = [await self._read_partition(*reads[0], timeout_s)]
            else:
                replies = await self._read_partitions(reads, timeout_s)
        finally:
            self._inbox_wake = False
            self._inbox_waiting.clear()
        return [inbox for reply in replies if reply for inbox in self._parse(reply)]

    async def wake_inbox_reader(self) -> None:
        self._inbox_wake = True
        while self._inbox_wake and self._inbox_waiting:
            await self._unblock(self._inbox_waiting)

    async def inbox_length(self, shard_id: int) -> int:
        length: int = await self._send_one(pack(b"XLEN", self._inbox(shard_id)))
        return length

    def _inbox(self, shard_id: int) -> bytes:
        key = self._inbox_keys.get(shard_id)
        if key is None:
            key = self._inbox_keys[shard_id] = self.keys.inbox(shard_id)
            self._inbox_shards[key] = shard_id
        return key

    def _read_command(self, shards: list[int], cursors: Mapping[int, bytes], count: int, block_ms: int) -> bytes:
        block: tuple[bytes, ...] = (b"BLOCK", b"%d" % block_ms) if block_ms > 0 else ()  # BLOCK 0 would be for ever
        keys = [self._inbox(shard) for shard in shards]
        after = [cursors[shard] for shard in shards]
        return pack(b"XREAD", b"COUNT", b"%d" % count, *block, b"STREAMS", *keys, *after)

    def _parse(self, reply: list[Any]) -> list[tuple[int, list[StreamEntry]]]:
        shards = self._inbox_shards
        return [(shards[key], [StreamEntry(entry[0], entry[1][1]) for entry in entries]) for key, entries in reply]

    async def _read_partition(self, connection: Connection, command: bytes, timeout_s: float) -> Any:
        try:
            (reply,) = await connection.call(command, 1, timeout_s)
        except BaseException:
            connection.abort()  # a read that was cancelled is still blocked there
            raise
        finally:
            self._inbox_waiting.discard(connection)
        if type(reply) is ReplyError:
            if errors.must_leave(reply):
                connection.abort()
            raise errors.from_reply(reply, self.address)
        return reply

    async def _read_partitions(self, reads: list[tuple[Connection, bytes]], timeout_s: float) -> list[Any]:
        """Read several partitions at once; the first that has something ends the waiting of all."""
        if not reads:
            return []
        tasks = [asyncio.create_task(self._read_partition(*read, timeout_s)) for read in reads]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            while self._inbox_waiting:
                await self._unblock(self._inbox_waiting)
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
