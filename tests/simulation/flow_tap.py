"""The broker of an engine, watched: what enters the stream of the queue under limits is written down as it does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from perdure_broker.flow import Admission, Candidate, Limits
from perdure_broker.memory import MemoryBroker
from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import Outbox, Publication, PublishResult, StreamKind, TaskStream
from tests.simulation.ledger import Ledger, Published
from tests.simulation.limit_plans import LIMITED_QUEUE

STREAM = TaskStream("default", LIMITED_QUEUE, StreamKind.ACTIVITY)


class WatchedBroker(MemoryBroker):
    """Whatever an engine publishes by, the claims tell; the server carries out each call in one piece."""

    def __init__(self, server: MemoryServer, ledger: Ledger) -> None:
        super().__init__(server)
        self._ledger = ledger

    async def admit(
        self, stream: TaskStream, term: int, room: int, limits: Limits, candidates: Sequence[Candidate]
    ) -> Admission | None:
        before = self._claimed()
        admission = await super().admit(stream, term, room, limits, candidates)
        self._write_down(before)
        return admission

    async def publish_backlog(
        self, stream: TaskStream, term: int, publications: Sequence[Publication]
    ) -> PublishResult | None:
        before = self._claimed()
        result = await super().publish_backlog(stream, term, publications)
        self._write_down(before)
        return result

    async def release(self, outbox: Outbox, ranges: Mapping[int, int]) -> dict[TaskStream, PublishResult]:
        before = self._claimed()
        released = await super().release(outbox, ranges)
        self._write_down(before)
        return released

    def _claimed(self) -> frozenset[str]:
        queue = self._server.queues.get(STREAM)
        return frozenset(queue.claimed) if queue is not None else frozenset()

    def _write_down(self, before: frozenset[str]) -> None:
        out = self._claimed()
        new = sorted(out - before)
        if new:
            now_s = asyncio.get_running_loop().time()
            self._ledger.published.append(Published(now_s, self._server.now_ms(), tuple(new), out))
