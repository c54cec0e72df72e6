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
from perdure_broker.connection import Connection
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
        self._inbox_connections: dict[tuple[int, Address], Connection] = {}
        """For each partition, one to the server that holds it."""
        self._inbox_waiting: set[Connection] = set()
        self._inbox_wake = False

    async def send(self, entries: Sequence[tuple[int, bytes]]) -> None:
        await self._send_all([pack(b"XADD", self._inbox(shard), b"*", b"d", data) for shard, data in entries])

    async def read_inboxes(
        self, cursors: Mapping[int, bytes], *, count: int, block_ms: int
    ) -> list[tuple[int, list[StreamEntry]]]:
        await self._learn()
        if self._inbox_wake:
            block_ms = 0
        partitions: dict[int, list[int]] = {}
        for shard in cursors:
            partitions.setdefault(self.keys.partition(shard), []).append(shard)
        reads = []
        for partition, shards in partitions.items():
            command = self._read_command(shards, cursors, count, block_ms)
            reads.append((self._inbox_connection(partition, command), command))
        # Without an await since the look at the wake: a later wake finds these reads, and ends them.
        self._inbox_waiting.update(connection for connection, _ in reads)
        try:
            if len(reads) == 1:
                replies = [await self._read_partition(*reads[0], block_ms)]
            else:
                replies = await self._read_partitions(reads, block_ms)
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

    def _inbox_connection(self, partition: int, command: bytes) -> Connection:
        node = self._servers.find(command)
        connection = self._inbox_connections.get((partition, node))
        if connection is None:
            connection = self._inbox_connections[partition, node] = self._connect(node)
        return connection

    def _read_command(self, shards: list[int], cursors: Mapping[int, bytes], count: int, block_ms: int) -> bytes:
        block: tuple[bytes, ...] = (b"BLOCK", b"%d" % block_ms) if block_ms > 0 else ()  # BLOCK 0 would be for ever
        keys = [self._inbox(shard) for shard in shards]
        after = [cursors[shard] for shard in shards]
        return pack(b"XREAD", b"COUNT", b"%d" % count, *block, b"STREAMS", *keys, *after)

    def _parse(self, reply: list[Any]) -> list[tuple[int, list[StreamEntry]]]:
        shards = self._inbox_shards
        return [(shards[key], [StreamEntry(entry[0], entry[1][1]) for entry in entries]) for key, entries in reply]

    async def _read_partition(self, connection: Connection, command: bytes, block_ms: int) -> Any:
        try:
            (reply,) = await self._call_blocking(connection, (command,), block_ms)
        finally:
            self._inbox_waiting.discard(connection)
        if type(reply) is ReplyError:
            raise errors.from_reply(reply, connection.address)
        return reply

    async def _read_partitions(self, reads: list[tuple[Connection, bytes]], block_ms: int) -> list[Any]:
        """Read several partitions at once; the first that has something ends the waiting of all."""
        if not reads:
            return []
        tasks = [asyncio.create_task(self._read_partition(*read, block_ms)) for read in reads]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            while self._inbox_waiting:
                await self._unblock(self._inbox_waiting)
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
