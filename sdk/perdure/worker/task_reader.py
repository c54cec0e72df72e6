"""Reads the tasks of one kind from the streams of one task queue, and announces that somebody does.

Rules: an entry's lease begins when it is read, so that no more is read than there are free slots. Nothing is read twice
on one connection at a time. A lost server is waited for, however long it takes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from perdure.worker.link import WorkerLink
from perdure.worker.pace import Pace
from perdure.worker.progress import WorkerProgress
from perdure_broker.port import BrokerUnavailable, TaskEntry, TaskStream, WorkerInfo

logger = logging.getLogger("perdure.worker")

READ_MAX = 256

ACCEPTED_AT_ONCE = 64
"""Entries accepted before others get their turn of the event loop: what the first of them led to is sent meanwhile."""

BLOCK_MS = 2_000
ANNOUNCEMENT_TTL_MS = 15_000

_RETRY_MIN_S = 0.1
_RETRY_MAX_S = 3.0
_PACE_LOOK_S = 0.25  # how long a worker that waits for its pace may take to notice that it is to stop

Accept = Callable[[Sequence[TaskEntry]], None]


class TaskReader:
    """One kind of task. `accept` is called with entries whose leases are held; it must not raise."""

    def __init__(
        self,
        link: WorkerLink,
        streams: Sequence[TaskStream],
        slots: int,
        free: Callable[[], int],
        accept: Accept,
        pace: Pace | None = None,
        progress: WorkerProgress | None = None,
    ) -> None:
        self._link = link
        self._streams = streams
        self._slots = slots
        self._free = free
        self._accept = accept
        self._pace = pace
        self._progress = progress
        self._slot_freed = asyncio.Event()
        self._is_stopping = False
        self._is_lost = False
        self._asked_at = 0.0

    def slot_freed(self) -> None:
        """There may be room again."""
        if not self._slot_freed.is_set():
            self._slot_freed.set()

    def stop(self) -> None:
        """Read no more. A read that waits has to be woken (`Broker.wake_task_readers`)."""
        self._is_stopping = True
        self._slot_freed.set()

    async def announce(self) -> None:
        """Say once that the worker polls, and learn the lease of the queue.

        Raises:
            BrokerUnavailable: the server is away.
        """
        info = WorkerInfo(self._link.worker_id, self._link.identity, self._slots, 0)
        for stream in self._streams:
            lease_ms = await self._link.broker.announce_worker(stream, info, ANNOUNCEMENT_TTL_MS)
            self._link.leases.lease_announced(stream, min(lease_ms, self._link.transport.cluster.lease_ms))

    async def withdraw(self) -> None:
        """Say that the worker polls no more."""
        for stream in self._streams:
            await self._link.broker.withdraw_worker(stream, self._link.worker_id)

    async def keep_announcing(self) -> None:
        """Repeat the announcement until cancelled."""
        while True:
            await asyncio.sleep(ANNOUNCEMENT_TTL_MS / 3000 * self._link.environment.random.uniform(0.9, 1.0))
            try:
                await self.announce()
            except BrokerUnavailable as error:
                self._lost(error)

    async def run(self) -> None:
        """Read until stopped."""
        wait_s = _RETRY_MIN_S
        while not self._is_stopping:
            try:
                entries = await self._read()
            except BrokerUnavailable as error:
                self._lost(error)
                await asyncio.sleep(wait_s * self._link.environment.random.uniform(0.5, 1.0))
                wait_s = min(2 * wait_s, _RETRY_MAX_S)
                continue
            wait_s = _RETRY_MIN_S
            if self._is_lost:
                self._is_lost = False
                logger.info("Tasks of %s can be read again.", self._streams[0].task_queue)
            if entries:
                hold = self._link.leases.hold
                for entry in entries:
                    hold(entry)
                if self._link.loop.time() - self._asked_at > self._stale_after_s():
                    entries = await self._confirmed(entries)
                for start in range(0, len(entries), ACCEPTED_AT_ONCE):
                    if start:
                        await asyncio.sleep(0)
                    self._accept(entries[start : start + ACCEPTED_AT_ONCE])

    async def _read(self) -> list[TaskEntry]:
        free = self._free()
        if free <= 0:
            self._slot_freed.clear()
            await self._slot_freed.wait()
            return []
        count = min(free, READ_MAX)
        pace = self._pace
        if pace is not None:
            wait_s = pace.wait_s()
            if wait_s > 0:
                await asyncio.sleep(min(wait_s, _PACE_LOOK_S))
                return []
            count = min(count, pace.count_max)
        self._asked_at = self._link.loop.time()
        block_ms = min(BLOCK_MS, self._link.leases.lease_ms // 4)
        progress = self._progress
        if progress is not None:
            progress.reads(self)
        try:
            entries = await self._link.broker.read_tasks(
                self._streams, self._link.worker_id, count=count, block_ms=block_ms
            )
        finally:
            if progress is not None:
                progress.has_read(self)
        if pace is not None:
            pace.took(len(entries))
        return entries

    def _stale_after_s(self) -> float:
        """An entry was delivered after it was asked for. What comes back later than this may have aged on its way,
        because something blocked the event loop."""
        return self._link.leases.lease_ms / 3000

    async def _confirmed(self, entries: Sequence[TaskEntry]) -> list[TaskEntry]:
        """Those of the entries that have not been given to others meanwhile: the others must not run here, too."""
        leases = self._link.leases
        keys = [(entry.stream, entry.entry_id) for entry in entries]
        try:
            mine = await self._link.environment.in_thread(lambda: leases.confirm(keys))
        except BrokerUnavailable as error:
            self._lost(error)
            mine = set()
        for stream, entry_id in keys:
            if (stream, entry_id) not in mine:
                leases.release(stream, entry_id)
        logger.warning(
            "The event loop was blocked for longer than a third of a lease; of %d tasks that came in meanwhile, %d are "
            "still this worker's. An `async def` activity must not block: make it a `def`.",
            len(keys),
            len(mine),
        )
        return [entry for entry in entries if (entry.stream, entry.entry_id) in mine]

    def _lost(self, error: BrokerUnavailable) -> None:
        if not self._is_lost:
            self._is_lost = True
            logger.warning("No tasks of %s can be read (%s); trying again.", self._streams[0].task_queue, error)
