"""A whole cluster in this process, in memory, whose time can be set forward: for tests of workflows.

Role: the entry point `in_process` of the group `perdure.extensions`. The real engine on the in-memory store and broker:
nothing to install, nothing on the disk, no port. Everything is gone with it.

Rules: only the clock by which runs have their times is set forward. Leases and polls go by a clock that is never set,
so that a jump over a month costs nothing and loses no worker.
"""

from __future__ import annotations

import asyncio
import time
from typing import Self

from perdure.protocol.tasks import TaskKind
from perdure_broker.memory import MemoryBroker
from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import StreamKind
from perdure_engine.engine import Engine
from perdure_engine.environment import RealEnvironment
from perdure_engine.history.batch import VISIBILITY_KIND
from perdure_store.memory import MemoryDatabase, MemoryStore
from perdure_store.schedules import NEVER_US

SHARDS = 4

KEPT_MS = 200 * 366 * 24 * 3_600_000
"""How long closed runs are kept: whatever time is skipped, a test may look at what it ran."""


class _Clock(RealEnvironment):
    """The machine's clock, and what was skipped."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped_us = 0

    def now_us(self) -> int:
        return time.time_ns() // 1000 + self.skipped_us


class InProcessCluster:
    """Attributes:
    server: What clients and workers of this process connect to.
    """

    def __init__(self) -> None:
        self.server = MemoryServer()
        self._clock = _Clock()
        self._database = MemoryDatabase()
        self._store = MemoryStore(self._database)
        self._broker = MemoryBroker(self.server)
        self._engine = Engine(self._store, self._broker, self._clock, node="in-process")
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Return when the engine works."""
        await self._store.migrate(SHARDS)
        await self._store.connect()
        await self._broker.connect()
        ready = asyncio.Event()
        self._running = asyncio.create_task(self._engine.run(self._stop, ready=ready.set), name="in-process engine")
        becoming_ready = asyncio.create_task(ready.wait())
        await asyncio.wait([self._running, becoming_ready], return_when=asyncio.FIRST_COMPLETED)
        becoming_ready.cancel()
        if self._running.done():
            self._running.result()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        if self._running is not None:
            await self._running
        await self._broker.close()
        await self._store.close()

    async def keep_for_ever(self, namespace: str) -> None:
        """Forget no closed run of a namespace."""
        await self._store.set_retention(namespace, KEPT_MS)

    # Time ----------------------------------------------------------------------------------------------------------

    def now_us(self) -> int:
        """The cluster's time, in microseconds since 1970 UTC."""
        return self._clock.now_us()

    def is_at_rest(self, *, but_for_activities: bool = False) -> bool:
        """Whether nothing happens any more until a timer is due: no request waits, no task is out."""
        if any(map(len, self.server.inboxes.values())):
            return False
        kinds = [StreamKind.WORKFLOW, StreamKind.STICKY] if but_for_activities else list(StreamKind)
        if any(len(queue.stream) for stream, queue in self.server.queues.items() if stream.kind in kinds):
            return False
        pending = {key.kind for rows in self._database.transfer.values() for key in rows}
        pending.discard(VISIBILITY_KIND)
        if but_for_activities:
            pending.discard(TaskKind.ACTIVITY)
        due_us = self.next_timer_us()
        return not pending and (due_us is None or due_us > self.now_us())

    def next_timer_us(self) -> int | None:
        """When the next timer of a run is due, or the next action of a schedule, if there is one."""
        timers = [key.fire_at_us for rows in self._database.timers.values() for key in rows]
        schedules = [row.next_us for row in self._database.schedules.values() if row.next_us != NEVER_US]
        return min([*timers, *schedules], default=None)

    async def set_forward(self, time_us: int) -> None:
        """Make it this time, at least. What is due by then happens now."""
        self._clock.skipped_us += max(0, time_us - self.now_us())
        if self._engine.history is not None:
            await self._engine.history.look_at_clock()
        if self._engine.schedules is not None:
            self._engine.schedules.wake()
