"""The backlog of one queue, key by key, in the order in which it is to be published.

Rules:
- A lower priority goes only when nothing of a higher one can: what waits for a rate, a place or the end of a hold does
  not keep others waiting.
- Memory is bounded: the keys at hand, the rows read of each, and the tags of those that went. With more keys than
  that, they take turns being at hand.
- Rows that were read ahead are read again when they have waited for some time: a cancelled activity among them would be
  started.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from itertools import islice

from perdure.protocol.tasks import TaskKind
from perdure_broker.port import TaskStream
from perdure_engine.environment import Environment
from perdure_engine.matching.fair_queue import FairQueue, Line
from perdure_store.port import Store, TransferRow

LINES_MAX = 1_000
"""Keys at hand."""

ROWS_MAX = 1_000
"""Rows read ahead: bounds memory, since a row may hold 32 KiB."""

ROWS_MIN = 32
"""Rows read ahead although fewer are wanted now: they go within the time that they may wait."""

KEYS_A_READ = 64
"""Keys of one query: each of them looks into every shard."""

STALE_S = 0.1
"""Seconds that a row which was read ahead may wait."""

SEARCH_S = 0.02
"""Seconds between two searches for keys that have come, at least; more where a search takes long."""

FIRST = (-1, "")


class KeyedBacklog:
    """Reads the backlog of one queue.

    Args:
        weight_of: the weight of a key, in thousandths, given what its task says.
    """

    def __init__(
        self,
        store: Store,
        environment: Environment,
        stream: TaskStream,
        priorities: Sequence[int],
        weight_of: Callable[[str, int], int],
    ) -> None:
        self._store = store
        self._environment = environment
        self._queue = (stream.namespace, stream.task_queue, TaskKind.ACTIVITY)
        self._weight_of = weight_of
        self._priorities = priorities
        self.begin()

    def begin(self) -> None:
        """Know nothing: from the first row on."""
        self._queues = {priority: FairQueue(self._weight_of) for priority in self._priorities}
        self._version = -1
        self._after = FIRST
        self._search_at = 0.0
        self.has_forgotten = False

    async def next_rows(self, version: int, count: int, waiting: Container[str]) -> list[TransferRow]:
        """At most `count` rows in order, of keys that are not waiting. Nothing: there is no more, or all of it waits
        (see `is_empty`)."""
        now = self._environment.monotonic()
        if version != self._version and (now >= self._search_at or self.is_empty):
            self._version, self._after = version, FIRST
            await self._search()
        while True:
            await self._read(count, waiting)
            rows = self._pick(count, waiting)
            if rows or self._after == FIRST:
                return rows
            await self._search()

    @property
    def is_empty(self) -> bool:
        """Whether everything has been published, as of the version that was searched last."""
        return self._after == FIRST and all(
            line.is_read and not line.rows for queue in self._queues.values() for line in queue.lines.values()
        )

    @property
    def version(self) -> int:
        """The version of the backlog that was searched for keys."""
        return self._version

    def passed(self, row: TransferRow, *, is_free: bool = False) -> None:
        """The row is published: the first of its line."""
        self._queues[row.priority].passed(row, is_free=is_free)

    async def _search(self) -> None:
        """Find the keys that have backlog: the next page of them."""
        began = self._environment.monotonic()
        found = await self._store.backlog_keys(*self._queue, after=self._after, limit=LINES_MAX)
        is_whole = self._after == FIRST and len(found) < LINES_MAX
        self._after = found[-1] if len(found) == LINES_MAX else FIRST
        present = dict.fromkeys(found, 1)
        for priority, queue in self._queues.items():
            for key, line in list(queue.lines.items()):
                if (priority, key) not in present and not line.rows:
                    self.has_forgotten |= not is_whole and bool(line.cursors)
                    queue.close(key)
        for priority, key in found:
            if priority in self._queues:
                self._queues[priority].open(key).is_read = False
        now = self._environment.monotonic()
        self._search_at = now + max(SEARCH_S, 4 * (now - began))

    async def _read(self, count: int, waiting: Container[str]) -> None:
        """Have the first rows of each line, as far as `count` rows of the highest priorities need them."""
        at_hand = 0
        for priority, queue in self._queues.items():
            lines = [line for key, line in queue.lines.items() if key not in waiting]
            stale_at = self._environment.monotonic() - STALE_S
            for line in lines:
                if line.rows and line.read_at < stale_at:
                    line.rows.clear()
                    line.is_read = False
            wanted = [line for line in lines if not line.rows and not line.is_read]
            limit = max(1, min(ROWS_MAX, max(ROWS_MIN, 2 * count)) // max(1, len(lines)))
            for start in range(0, len(wanted), KEYS_A_READ):
                await self._read_lines(priority, wanted[start : start + KEYS_A_READ], limit)
            at_hand += sum(len(line.rows) for line in lines)
            if at_hand >= count:
                return

    async def _read_lines(self, priority: int, lines: Sequence[Line], limit: int) -> None:
        keys = {line.key: line.cursors for line in lines}
        rows = await self._store.keyed_backlog(*self._queue, priority, keys, limit=limit)
        now = self._environment.monotonic()
        by_key = {line.key: line for line in lines}
        for row in rows:
            by_key[row.fairness_key].rows.append(row)
        for line in lines:
            line.read_at = now
            line.is_read = len(line.rows) < limit

    def _pick(self, count: int, waiting: Container[str]) -> list[TransferRow]:
        picked: list[TransferRow] = []
        for queue in self._queues.values():
            before = len(picked)
            picked.extend(islice(queue.turns(waiting), count - len(picked)))
            at_hand = sum(len(line.rows) for key, line in queue.lines.items() if key not in waiting)
            has_more = any(not line.is_read for key, line in queue.lines.items() if key not in waiting)
            if len(picked) >= count or has_more or at_hand > len(picked) - before:
                break
        return picked
