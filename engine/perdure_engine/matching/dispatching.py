"""Dispatching: the backlog of one queue flows into its stream as the window allows, in order of priority.

While a queue has backlog, direct publishing is refused, so that nothing overtakes. When the store holds no more of it
the mark is cleared, unless more came meanwhile.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from perdure.protocol.tasks import TaskKind, task_member
from perdure_broker.port import Broker, Publication, StreamKind, TaskStream
from perdure_engine.environment import Environment
from perdure_store.port import Store, TransferRow

logger = logging.getLogger("perdure.engine.dispatch")

PAGE = 1_000
"""Backlog rows of one read: bounds memory, since a row may hold 32 KiB."""

WAIT_MIN_S = 0.002
WAIT_MAX_S = 0.1
"""How long to wait for room in the window; doubled while there is none."""

PRIORITIES = {StreamKind.WORKFLOW: (0,), StreamKind.ACTIVITY: (1, 2, 3, 4, 5)}


@dataclass(slots=True)
class Position:
    """How far the backlog has been published: for each priority, each shard's last task id."""

    cursors: dict[int, dict[int, int]] = field(default_factory=dict)

    def of(self, priority: int) -> dict[int, int]:
        return self.cursors.setdefault(priority, {})


class Dispatcher:
    """Publishes the backlog of one queue until there is none."""

    def __init__(self, store: Store, broker: Broker, environment: Environment, stream: TaskStream, node: str) -> None:
        self._store = store
        self._broker = broker
        self._environment = environment
        self._stream = stream
        self._node = node
        self._kind = TaskKind.WORKFLOW if stream.kind == StreamKind.WORKFLOW else TaskKind.ACTIVITY

    async def drain(self) -> bool:
        """Publish until the store has no more backlog for this queue.

        Returns:
            False if another engine dispatches this queue by now.
        """
        term = self._environment.now_us()
        if not await self._broker.take_dispatch(self._stream, self._node, term):
            return False
        position = Position()
        wait_s = WAIT_MIN_S
        while True:
            state = await self._broker.queue_state(self._stream)
            room = min(PAGE, state.window - state.undelivered)
            if state.paused or room <= state.window // 8:
                await self._environment.sleep(wait_s)
                wait_s = min(wait_s * 2, WAIT_MAX_S)
                continue
            rows = await self._next_rows(position, room)
            if not rows:
                if await self._broker.clear_backlog(self._stream, state.backlog_version):
                    return True
                continue
            publications = [
                Publication(row.shard_id, task_member(row.run_id, row.event_id, row.attempt), row.data) for row in rows
            ]
            result = await self._broker.publish_backlog(self._stream, term, publications)
            if result is None:
                return False
            for row in rows[: result.taken]:
                position.of(row.priority)[row.shard_id] = row.task_id
            if result.taken:
                wait_s = WAIT_MIN_S
            else:
                await self._environment.sleep(wait_s)
                wait_s = min(wait_s * 2, WAIT_MAX_S)

    async def _next_rows(self, position: Position, room: int) -> list[TransferRow]:
        """The next rows in order of priority: those of a lower one only when no higher one has any."""
        namespace, task_queue = self._stream.namespace, self._stream.task_queue
        for priority in PRIORITIES[self._stream.kind]:
            rows = await self._store.backlog(
                namespace, task_queue, self._kind, priority, position.of(priority), limit=room
            )
            if rows:
                return rows
        return []
