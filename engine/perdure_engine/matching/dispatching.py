"""Dispatching: the backlog of one queue flows into its stream as the window allows, in order of priority.

While a queue has backlog, direct publishing is refused, so that nothing overtakes. When the store holds no more of it
the mark is cleared, unless more came meanwhile. Queues with limits, and backlog with fairness keys, are dispatched by
`flow_dispatching`.

Rules: rows are published once. What a dispatcher published itself lies behind its position, and a row that becomes
backlog later gets a task id before it. What another dispatcher may have published is looked at first: a row that was
read, and then finished before it is published, would start an activity again whose success is known.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from perdure.protocol.tasks import TaskKind
from perdure_broker.port import Broker, StreamKind, TaskStream
from perdure_engine.environment import Environment
from perdure_engine.outstanding import ANNOUNCEMENTS_S, member_of, publication_of
from perdure_store.port import Store, TransferKey, TransferRow

logger = logging.getLogger("perdure.engine.dispatch")

PAGE = 1_000
"""Backlog rows of one read: bounds memory, since a row may hold 32 KiB."""

WAIT_MIN_S = 0.002
WAIT_MAX_S = 0.02
"""How long to wait for room in the window; doubled while there is none."""

STALE_S = 0.1
"""How long rows that were read ahead may wait for room: a cancelled activity among them would be started."""

LOOK_AGAIN_S = 20.0
"""Seconds after which a dispatcher looks at the whole backlog again: the stream may have lost entries behind it."""

PRIORITIES = {StreamKind.WORKFLOW: (0,), StreamKind.ACTIVITY: (1, 2, 3, 4, 5)}


class Dispatcher:
    """Publishes the backlog of one queue. Lives as long as its engine dispatches that queue."""

    def __init__(
        self,
        store: Store,
        broker: Broker,
        environment: Environment,
        stream: TaskStream,
        node: str,
        is_held_back: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._broker = broker
        self._environment = environment
        self._stream = stream
        self._node = node
        self._is_held_back = is_held_back
        self.meets_flow = False
        self._kind = TaskKind.WORKFLOW if stream.kind == StreamKind.WORKFLOW else TaskKind.ACTIVITY
        self._term = 0
        self._epoch = ""
        self._cursors: dict[int, dict[int, int]] = {}
        self._version = -1
        self._exhausted = 0
        self._is_alone = False
        self._looked_at = 0.0

    async def drain(self) -> bool:
        """Publish until the store has no more backlog for this queue, or what it has is not for this dispatcher
        (`meets_flow`): tasks have fairness keys, or the queue is held back.

        Returns:
            False if another engine dispatches this queue by now.
        """
        self.meets_flow = False
        await self._take()
        wait_s = WAIT_MIN_S
        page: list[TransferRow] = []
        stale_at = 0.0
        while True:
            state = await self._broker.queue_state(self._stream)
            if state.held or self._is_held_back():
                self.meets_flow = True
                return True
            free = state.window - state.undelivered
            if state.paused or free <= state.window // 8:
                await self._environment.sleep(wait_s)
                wait_s = min(wait_s * 2, WAIT_MAX_S)
                continue
            if state.backlog_version != self._version and await self._has_keys():
                self.meets_flow = True
                return True
            if not page or state.backlog_version != self._version or self._environment.monotonic() > stale_at:
                page = await self._next_rows(state.backlog_version, self._cursors)
            if not page:
                self._is_alone = True
                if await self._broker.clear_backlog(self._stream, state.backlog_version):
                    return True
                continue
            rows = page[:free]
            # Workers drain a page about as fast as the next one can be read: so that is done while this one goes out.
            after = self._cursors_after(rows)
            stale_at = self._environment.monotonic() + STALE_S
            taken, page = await asyncio.gather(self._publish(rows), self._next_rows(state.backlog_version, after))
            if taken is None:
                self._term = -1
                return False
            if taken < len(rows):
                page = []
            if taken:
                wait_s = WAIT_MIN_S
            else:
                await self._environment.sleep(wait_s)
                wait_s = min(wait_s * 2, WAIT_MAX_S)

    async def _has_keys(self) -> bool:
        """Whether the backlog has tasks whose turn depends on more than their priority."""
        if self._kind == TaskKind.WORKFLOW:
            return False
        namespace, task_queue = self._stream.namespace, self._stream.task_queue
        priorities = PRIORITIES[self._stream.kind]
        return await self._store.has_backlog_keys(namespace, task_queue, self._kind, priorities)

    async def _take(self) -> None:
        """Become the dispatcher, or go on as the one that this already is."""
        epoch = await self._broker.epoch()
        if self._epoch not in ("", epoch) and self._kind == TaskKind.ACTIVITY:
            await self._environment.sleep(ANNOUNCEMENTS_S)
        now = self._environment.monotonic()
        term = await self._broker.take_dispatch(self._stream, self._node, self._term)
        if term != self._term or epoch != self._epoch or now - self._looked_at > LOOK_AGAIN_S:
            self._begin(now)
        self._term, self._epoch = term, epoch

    def _begin(self, now: float) -> None:
        """From the first row on; which of them are published already is not known."""
        self._cursors = {priority: {} for priority in PRIORITIES[self._stream.kind]}
        self._version = -1
        self._is_alone = False
        self._looked_at = now

    def _cursors_after(self, rows: list[TransferRow]) -> dict[int, dict[int, int]]:
        """Where this dispatcher will stand once these rows are published."""
        after = {priority: dict(cursors) for priority, cursors in self._cursors.items()}
        for row in rows:
            after[row.priority][row.shard_id] = row.task_id
        return after

    async def _next_rows(self, version: int, after: dict[int, dict[int, int]]) -> list[TransferRow]:
        """The next rows in order of priority: those of a lower one only when no higher one has any.

        A priority that had none is not asked again until the backlog has grown (`version`), or nothing else is left.
        """
        if version != self._version:
            self._version, self._exhausted = version, 0
        namespace, task_queue = self._stream.namespace, self._stream.task_queue
        for priority, cursors in after.items():
            if priority < self._exhausted:
                continue
            rows = await self._store.backlog(namespace, task_queue, self._kind, priority, cursors, limit=PAGE)
            if rows:
                self._exhausted = priority
                return rows
        if not self._exhausted:
            return []
        self._exhausted = 0
        return await self._next_rows(version, after)

    async def _publish(self, rows: list[TransferRow]) -> int | None:
        """Publish these rows in order. Returns how many are behind the position now, None if the term is over."""
        wanted = rows if self._is_alone else await self._unpublished(rows)
        taken = 0
        if wanted:
            publications = [publication_of(row) for row in wanted]
            # Should the answer be lost, nobody knows what was published.
            is_alone, self._is_alone = self._is_alone, False
            result = await self._broker.publish_backlog(self._stream, self._term, publications)
            self._is_alone = is_alone
            if result is None:
                return None
            taken = result.taken
        passed = rows if taken == len(wanted) else rows[: rows.index(wanted[taken])]
        for row in passed:
            self._cursors[row.priority][row.shard_id] = row.task_id
        return len(passed)

    async def _unpublished(self, rows: list[TransferRow]) -> list[TransferRow]:
        """Those of `rows` that are neither in the stream nor finished since they were read."""
        claimed = await self._broker.published(self._stream, [member_of(row) for row in rows])
        found = [row for row, is_claimed in zip(rows, claimed, strict=True) if not is_claimed]
        if not found:
            return []
        still = await self._store.transfer_rows([TransferKey(*row[:4]) for row in found])
        members = {member_of(row): 1 for row in still}
        return [row for row in found if member_of(row) in members]
