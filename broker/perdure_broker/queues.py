"""Task streams, the engine's side: state, settings, the backlog's dispatcher, pending entries, collection.

Role: part of the Redis broker. Each method is one command or one script; decisions are matching's.
"""

from __future__ import annotations

from collections.abc import Sequence

from perdure_broker import errors, scripts
from perdure_broker.keys import GROUP
from perdure_broker.port import (
    LEASE_DEFAULT_MS,
    PendingEntry,
    QueueState,
    StreamKind,
    TaskEntry,
    TaskStream,
    WorkerInfo,
)
from perdure_broker.session import Session
from perdure_broker.wire import ReplyError, pack


class QueueCalls(Session):
    """What matching sees and does on task streams."""

    async def queue_state(self, stream: TaskStream) -> QueueState:
        keys = self.keys.queue(stream)
        reply = await self._send_one(
            scripts.QUEUE_STATE.call((keys.stream, keys.meta, keys.workers, keys.worker_info, keys.holds))
        )
        undelivered, pending, window, backlogged, version, paused, lease_ms, now_ms, told, held = reply
        described = (_worker_info(told[i], told[i + 1], now_ms) for i in range(0, len(told), 2))
        workers = [info for info in described if info is not None]
        return QueueState(
            undelivered=undelivered,
            pending=pending,
            window=window,
            backlogged=bool(backlogged),
            backlog_version=version,
            paused=bool(paused),
            lease_ms=lease_ms or LEASE_DEFAULT_MS,
            workers=tuple(sorted(workers)),
            held=bool(held),
        )

    async def task_streams(self) -> list[TaskStream]:
        members = await self._send_one(pack(b"SMEMBERS", self.keys.streams))
        known = {key: stream for key in sorted(members) if (stream := self.keys.stream_of(key)) is not None}
        sticky = [key for key, stream in known.items() if stream.kind is StreamKind.STICKY]
        for key, exists in zip(sticky, await self._send_all([pack(b"EXISTS", key) for key in sticky]), strict=True):
            if not exists:
                del known[key]
                await self._send_one(pack(b"SREM", self.keys.streams, key))
        return list(known.values())

    async def set_lease(self, stream: TaskStream, lease_ms: int) -> None:
        await self._send_one(pack(b"HSET", self.keys.queue(stream).meta, b"lease", lease_ms))

    async def set_paused(self, stream: TaskStream, paused: bool) -> None:
        meta = self.keys.queue(stream).meta
        await self._send_one(pack(b"HSET", meta, b"paused", b"1") if paused else pack(b"HDEL", meta, b"paused"))

    async def take_dispatch(self, stream: TaskStream, node: str, term: int = 0) -> int:
        return int(await self._send_one(scripts.TAKE_DISPATCH.call((self.keys.queue(stream).meta,), (node, term))))

    async def mark_backlog(self, stream: TaskStream) -> None:
        await self._send_one(scripts.MARK_BACKLOG.call((self.keys.queue(stream).meta,)))

    async def clear_backlog(self, stream: TaskStream, version: int) -> bool:
        return bool(await self._send_one(scripts.CLEAR_BACKLOG.call((self.keys.queue(stream).meta,), (version,))))

    async def scan_pending(
        self, stream: TaskStream, *, idle_ms: int, start: bytes = b"-", count: int = 1000
    ) -> list[PendingEntry]:
        key = self.keys.queue(stream).stream
        (reply,) = await self._send((pack(b"XPENDING", key, GROUP, b"IDLE", idle_ms, start, b"+", count),))
        if type(reply) is ReplyError:
            if errors.code_of(reply) == "NOGROUP":
                return []
            raise errors.from_reply(reply, self.address)
        return [PendingEntry(entry_id, _name(consumer), idle, n) for entry_id, consumer, idle, n in reply]

    async def read_entries(self, stream: TaskStream, entry_ids: Sequence[bytes]) -> list[TaskEntry]:
        key = self.keys.queue(stream).stream
        replies = await self._send_all([pack(b"XRANGE", key, entry_id, entry_id) for entry_id in entry_ids])
        return [TaskEntry(key, reply[0][0], reply[0][1][1]) for reply in replies if reply]

    async def published(self, stream: TaskStream, members: Sequence[str]) -> list[bool]:
        if not members:
            return []
        keys = self.keys.queue(stream)
        claims, holders = await self._send_all(
            (pack(b"SMISMEMBER", keys.ids, *members), pack(b"HMGET", keys.announced, *members))
        )
        return [bool(claim) or holder is not None for claim, holder in zip(claims, holders, strict=True)]

    async def collect(self, stream: TaskStream, consumer_ttl_ms: int) -> int:
        keys = self.keys.queue(stream)
        gone, unused = await self._send_one(
            scripts.COLLECT.call((*keys[:5], keys.announced, keys.keyed, keys.counts), (consumer_ttl_ms,))
        )
        if unused and stream.kind is not StreamKind.STICKY:
            await self._forget(stream)
        return int(gone)

    async def forget_sticky(self, stream: TaskStream) -> list[bytes]:
        keys = self.keys.queue(stream)
        held = await self._send_one(scripts.FORGET_STICKY.call(keys[:5]))
        if held is None:
            return []
        await self._send_one(pack(b"SREM", self.keys.streams, keys.stream))
        return list(held)

    async def _forget(self, stream: TaskStream) -> None:
        """Take a stream off the list before its keys go, and put it back if somebody used it meanwhile: whoever makes
        the keys again puts it on the list after that."""
        keys = self.keys.queue(stream)
        siblings = [
            self.keys.queue(stream._replace(kind=kind)).stream for kind in (StreamKind.WORKFLOW, StreamKind.ACTIVITY)
        ]
        await self._send_one(pack(b"SREM", self.keys.streams, keys.stream))
        if not await self._send_one(scripts.UNLINK_IDLE.call((*keys[:7], *siblings))):
            await self._send_one(scripts.REGISTER_STREAMS.call((self.keys.streams,), (keys.stream,)))


def _worker_info(worker: bytes, told: bytes, now_ms: int) -> WorkerInfo | None:
    """None for an announcement that is none of ours: it must not hide those that are."""
    try:
        slots, announced_ms, identity = told.decode().split(" ", 2)
        return WorkerInfo(_name(worker), identity, int(slots), max(0, now_ms - int(announced_ms)))
    except ValueError:
        return None


def _name(consumer: bytes) -> str:
    """The name of a worker as text, whoever chose it."""
    return consumer.decode(errors="replace").replace("\0", "")
