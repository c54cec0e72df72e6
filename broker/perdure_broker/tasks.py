"""Task streams, the worker's side: announce, take, withdraw.

Role: part of the Redis broker. An entry that was taken stays in the stream and in the group's pending list until it is
finished; its idle time is its lease (see `leases`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from perdure_broker import errors, scripts
from perdure_broker.keys import GROUP
from perdure_broker.port import LEASE_DEFAULT_MS, StreamKind, TaskEntry, TaskStream, WorkerInfo
from perdure_broker.session import Session
from perdure_broker.wire import ReplyError, pack

STICKY_LIFE_FACTOR = 10
"""The keys of a sticky stream outlive the announcement by so much, in which matching moves its entries elsewhere."""

STICKY_LIFE_MIN_MS = 60_000


def sticky_life_ms(ttl_ms: int) -> int:
    """How long the keys of a sticky stream live after an announcement of `ttl_ms`."""
    return max(STICKY_LIFE_MIN_MS, STICKY_LIFE_FACTOR * ttl_ms)


class TaskCalls(Session):
    """What a worker does on its streams."""

    async def announce_worker(self, stream: TaskStream, info: WorkerInfo, ttl_ms: int) -> int:
        keys = self.keys.queue(stream)
        life_ms = sticky_life_ms(ttl_ms) if stream.kind is StreamKind.STICKY else 0
        arguments = (info.worker, info.identity, info.slots, ttl_ms, life_ms)
        _, lease = await self._send_all(
            (
                scripts.REGISTER_STREAMS.call((self.keys.streams,), (keys.stream,)),
                scripts.ANNOUNCE_WORKER.call(keys[:5], arguments),
            )
        )
        return int(lease) if lease else LEASE_DEFAULT_MS

    async def withdraw_worker(self, stream: TaskStream, worker: str) -> None:
        keys = self.keys.queue(stream)
        script_keys = (keys.stream, keys.meta, keys.workers, keys.worker_info)
        await self._send_one(scripts.WITHDRAW_WORKER.call(script_keys, (worker,)))

    async def read_tasks(
        self, streams: Sequence[TaskStream], worker: str, *, count: int, block_ms: int
    ) -> list[TaskEntry]:
        """See the port. COUNT of the command is per stream, so that each stream is asked for an equal part of `count`;
        with fewer slots than streams a script takes from one stream after the other."""
        if not streams or count <= 0:
            return []
        keys = [self.keys.queue(stream).stream for stream in streams]
        if count < len(keys):
            return await self._take_few(streams, keys, worker, count, block_ms)
        each = count // len(keys)
        block: tuple[bytes, ...] = (b"BLOCK", b"%d" % block_ms) if block_ms > 0 else ()
        command = pack(
            b"XREADGROUP",
            b"GROUP",
            GROUP,
            worker,
            b"COUNT",
            b"%d" % each,
            *block,
            b"STREAMS",
            *keys,
            *[b">"] * len(keys),
        )
        reply = await self._read((command,), block_ms, for_tasks=True)
        if type(reply) is ReplyError:
            if errors.code_of(reply) != "NOGROUP":
                raise errors.from_reply(reply, self.address)
            await self._make_groups(streams)
            reply = await self._read((command,), block_ms, for_tasks=True)
            if type(reply) is ReplyError:
                raise errors.from_reply(reply, self.address)
        return _entries(reply)

    async def wake_task_readers(self) -> None:
        waiting = list(self._task_readers)
        while waiting:
            waiting = [connection for connection in await self._unblock(waiting) if connection in self._task_readers]

    async def _take_few(
        self, streams: Sequence[TaskStream], keys: Sequence[bytes], worker: str, count: int, block_ms: int
    ) -> list[TaskEntry]:
        """With fewer free slots than streams: take without waiting, and wait by looking at what comes after the last
        entry delivered, which takes nothing."""
        deadline = time.monotonic() + block_ms / 1000
        while True:
            found, last_ids = await self._send_one(scripts.TAKE_TASKS.call(keys, (worker, count)))
            left_ms = int((deadline - time.monotonic()) * 1000)
            if found or left_ms <= 0:
                return _entries(found)
            look = pack(b"XREAD", b"COUNT", b"1", b"BLOCK", b"%d" % left_ms, b"STREAMS", *keys, *last_ids)
            reply = await self._read((look,), left_ms, for_tasks=True)
            if type(reply) is ReplyError:
                raise errors.from_reply(reply, self.address)
            if reply is None:
                return []

    async def _make_groups(self, streams: Sequence[TaskStream]) -> None:
        """The server was emptied, or the stream forgotten: groups start at 0, so that no entry is missed."""
        await self._send_all(
            [
                scripts.MAKE_GROUP.call(
                    (self.keys.queue(stream).stream,),
                    (STICKY_LIFE_MIN_MS if stream.kind is StreamKind.STICKY else 0,),
                )
                for stream in streams
            ]
        )


def _entries(reply: Any) -> list[TaskEntry]:
    if not reply:
        return []
    return [TaskEntry(key, entry[0], entry[1][1]) for key, entries in reply for entry in entries]
