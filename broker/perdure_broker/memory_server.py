"""The server of the in-memory brokers: what Redis is to the others.

Role: holds all state, the clock, and the waiting of blocked reads. Brokers and leases opened on one `MemoryServer` see
each other. The clock and the sleep are injected, so that it runs in virtual time; order is that of the calls.

For simulations:
- `flush()` loses everything, as FLUSHALL or a failover to an empty replica does: a new epoch, streams and fences gone.
- `save()` and `restore()`: what came between them is lost, as by a failover to a replica that lagged: a new epoch, and
  ids go back.
- `stop()` and `start()`: between them every call, and every blocked read, raises `BrokerUnavailable`.
- `full = True`: out of memory. Nothing new is published or sent; what frees memory, and replies, still work.
"""

from __future__ import annotations

import asyncio
import copy
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from perdure_broker.keys import Keys
from perdure_broker.memory_streams import Stream
from perdure_broker.port import (
    DRAIN_WINDOW_MS,
    LEASE_DEFAULT_MS,
    WINDOW_MAX,
    WINDOW_MIN,
    BrokerUnavailable,
    ClusterInfo,
    StreamKind,
    TaskStream,
    WorkerInfo,
)
from perdure_broker.tasks import STICKY_LIFE_MIN_MS

DRAIN_PERIOD_MS = 100
DRAIN_STALE_MS = 200


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Announcement:
    identity: str
    slots: int
    announced_ms: int
    expires_ms: int


@dataclass(slots=True)
class NamedLease:
    """The lease of an attempt that runs although its entry was lost."""

    shard_id: int
    worker: str
    since_ms: int


@dataclass(slots=True)
class Drain:
    """How fast entries finish: counted over periods, so that it costs a few numbers."""

    start_ms: int | None = None
    count: int = 0
    rate: float = 0.0

    def finished(self, count: int, now_ms: int) -> None:
        if self.start_ms is not None and now_ms - self.start_ms < DRAIN_PERIOD_MS:
            self.count += count
            return
        elapsed = now_ms - self.start_ms if self.start_ms is not None else 0
        self.rate = (self.count + count) * DRAIN_WINDOW_MS / elapsed if elapsed > 0 else 0.0
        self.start_ms, self.count = now_ms, 0

    def per_second(self, now_ms: int) -> float:
        elapsed = max(0, now_ms - self.start_ms) if self.start_ms is not None else 0
        return self.count * 1000 / elapsed if elapsed >= DRAIN_STALE_MS else self.rate * 1000 / DRAIN_WINDOW_MS

    def per_window(self, now_ms: int) -> float:
        elapsed = max(0, now_ms - self.start_ms) if self.start_ms is not None else 0
        current = self.count * DRAIN_WINDOW_MS / max(elapsed, DRAIN_WINDOW_MS)
        return max(current, self.rate) if elapsed < DRAIN_STALE_MS else current


@dataclass(slots=True)
class Queue:
    """One task stream and what belongs to it."""

    stream: Stream = field(default_factory=Stream)
    claimed: set[str] = field(default_factory=set)
    workers: dict[str, Announcement] = field(default_factory=dict)
    announced: dict[str, NamedLease] = field(default_factory=dict)
    drain: Drain = field(default_factory=Drain)
    rates: dict[str, float] = field(default_factory=dict)
    holds: dict[str, int] = field(default_factory=dict)
    keyed: dict[str, str] = field(default_factory=dict)
    paused: bool = False
    backlogged: bool = False
    backlog_version: int = 0
    lease_ms: int = LEASE_DEFAULT_MS
    term: int = 0
    node: str = ""
    expires_ms: int | None = None
    known: bool = False
    """Announced or published to, so that `task_streams` tells of it."""

    def expire_workers(self, now_ms: int) -> None:
        for worker in [name for name, told in self.workers.items() if told.expires_ms <= now_ms]:
            del self.workers[worker]

    def window(self, now_ms: int) -> int:
        slots = sum(told.slots for told in self.workers.values())
        return min(WINDOW_MAX, max(WINDOW_MIN, 2 * slots, math.ceil(self.drain.per_window(now_ms))))

    def worker_infos(self, now_ms: int) -> tuple[WorkerInfo, ...]:
        return tuple(
            WorkerInfo(worker, told.identity, told.slots, now_ms - told.announced_ms)
            for worker, told in sorted(self.workers.items())
        )

    @property
    def unused(self) -> bool:
        """Nobody would miss it: nothing in it, nobody polls it, nothing is claimed or waits in the store."""
        return not (
            self.stream
            or self.stream.pending
            or self.workers
            or self.claimed
            or self.announced
            or self.paused
            or self.backlogged
        )


@dataclass(slots=True)
class ReplyStream:
    expires_ms: int
    stream: Stream = field(default_factory=Stream)


SavedData = dict[str, Any]
"""What `MemoryServer.save` returns: attribute to its value."""

_DATA = ("cluster", "inboxes", "reply_streams", "queues", "leases", "fences", "frontend")

Waiter = asyncio.Future[bool]
"""A blocked read: True when an entry came, False when it is to return without."""


class MemoryServer:
    """All state of one in-memory server.

    Args:
        now_ms: the server's clock.
        sleep: waits for seconds; the time-out of a blocked read.
    """

    def __init__(
        self,
        *,
        now_ms: Callable[[], int] = _wall_clock_ms,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.now_ms = now_ms
        self.keys = Keys()
        self.full = False
        self._sleep = sleep
        self._running = True
        self._flushes = 0
        self._terms = 0
        self._blocked: dict[Waiter, frozenset[bytes]] = {}
        self._empty()

    # For simulations -----------------------------------------------------------------------------------------------
    def flush(self) -> None:
        """Lose everything; the epoch is another one. Blocked reads go on waiting, as on a real server."""
        self._flushes += 1
        self._empty()

    def save(self) -> SavedData:
        """A copy of everything that the server holds."""
        return copy.deepcopy({name: getattr(self, name) for name in _DATA})

    def restore(self, saved: SavedData) -> None:
        """Hold again what was saved, and nothing of what came since; the epoch is another one."""
        self._flushes += 1
        for name, data in copy.deepcopy(saved).items():
            setattr(self, name, data)

    def stop(self) -> None:
        """Become unreachable, keeping the data."""
        self._running = False
        self.wake(self._blocked)

    def start(self) -> None:
        self._running = True

    # For brokers ---------------------------------------------------------------------------------------------------
    @property
    def epoch(self) -> str:
        return f"memory-{self._flushes}"

    def check(self) -> None:
        """Raise `BrokerUnavailable` while stopped."""
        if not self._running:
            raise BrokerUnavailable("the in-memory server is stopped")

    def check_memory(self) -> None:
        self.check()
        if self.full:
            raise BrokerUnavailable("the in-memory server is out of memory")

    def next_term(self) -> int:
        """A term for a dispatcher, higher than any before, of whatever queue."""
        self._terms += 1
        return self._terms

    def queue(self, stream: TaskStream) -> Queue | None:
        """The queue of a stream, unless it does not exist or has expired."""
        queue = self.queues.get(stream)
        if queue is not None and queue.expires_ms is not None and queue.expires_ms <= self.now_ms():
            del self.queues[stream]
            return None
        return queue

    def made_queue(self, stream: TaskStream) -> Queue:
        queue = self.queue(stream)
        if queue is None:
            queue = self.queues[stream] = Queue()
            queue.lease_ms = self.lease_ms(stream)
            if stream.kind is StreamKind.STICKY:
                queue.expires_ms = self.now_ms() + STICKY_LIFE_MIN_MS
        return queue

    def lease_ms(self, stream: TaskStream) -> int:
        return self.leases.get(stream, LEASE_DEFAULT_MS)

    def replies(self, sender: str) -> ReplyStream | None:
        stream = self.reply_streams.get(sender)
        if stream is not None and stream.expires_ms <= self.now_ms():
            del self.reply_streams[sender]
            return None
        return stream

    def notify(self, key: bytes) -> None:
        """Entries came to `key`: reads that wait for it look again, the longest waiting first."""
        for waiter, keys in self._blocked.items():
            if key in keys and not waiter.done():
                waiter.set_result(True)

    def wake(self, waiters: Iterable[Waiter]) -> None:
        """End reads that wait, without an entry."""
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(False)

    async def wait(self, keys: Iterable[bytes], seconds: float, waiters: set[Waiter]) -> bool:
        """Wait for an entry of one of the keys (True), for the time or a wake (False). The waiter is in `waiters`
        meanwhile."""
        waiter: Waiter = asyncio.get_running_loop().create_future()
        self._blocked[waiter] = frozenset(keys)
        waiters.add(waiter)
        timer = asyncio.ensure_future(self._sleep(seconds))
        timer.add_done_callback(lambda _: self.wake((waiter,)))
        try:
            came = await waiter
        finally:
            timer.cancel()
            del self._blocked[waiter]
            waiters.discard(waiter)
        self.check()
        return came

    def _empty(self) -> None:
        self.cluster: ClusterInfo | None = None
        self.inboxes: dict[int, Stream] = {}
        self.reply_streams: dict[str, ReplyStream] = {}
        self.queues: dict[TaskStream, Queue] = {}
        self.leases: dict[TaskStream, int] = {}
        self.fences: dict[tuple[str, str], dict[int, int]] = {}
        self.frontend = Stream()
