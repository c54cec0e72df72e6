"""Whose turn it is: start-time fair queueing over the fairness keys of one priority.

Role: pure. Each key has a line of tasks that were read, and a tag: the virtual time at which its last task has had its
share. The key with the earliest tag goes next, and its tag moves on by the task's cost divided by the key's weight. A
key that comes back after a while, or waited for its own limits, begins at the present virtual time, so that nobody
saves up turns; one that has just
gone keeps its tag until the others have caught up, so that nobody gains by coming one task at a time.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field

from perdure_store.port import TransferRow

TAGS_MAX = 10_000
"""Tags kept of keys that have no line at present."""


@dataclass(slots=True)
class Line:
    """The tasks of one key that were read and not published, in order.

    Attributes:
        cursors: shard to the task id of its last row that was published.
        is_read: nothing lies in the store behind `rows`, as far as is known.
        read_at: when the first of `rows` was read.
    """

    key: str
    tag: float
    cursors: dict[int, int] = field(default_factory=dict)
    rows: deque[TransferRow] = field(default_factory=deque)
    is_read: bool = False
    read_at: float = 0.0


class FairQueue:
    """The lines of one priority.

    Args:
        weight_of: the weight of a key, in thousandths, given what its task says.
    """

    def __init__(self, weight_of: Callable[[str, int], int]) -> None:
        self._weight_of = weight_of
        self._virtual = 0.0
        self._tags: dict[str, float] = {}
        self.lines: dict[str, Line] = {}

    def open(self, key: str) -> Line:
        """The line of a key, which begins now if it had none."""
        line = self.lines.get(key)
        if line is None:
            line = self.lines[key] = Line(key, max(self._tags.pop(key, 0.0), self._virtual))
        return line

    def close(self, key: str) -> None:
        """Forget the line of a key that has nothing any more."""
        line = self.lines.pop(key)
        if line.tag <= self._virtual:
            return
        if len(self._tags) >= TAGS_MAX:
            self._tags = {other: tag for other, tag in self._tags.items() if tag > self._virtual}
        if len(self._tags) < TAGS_MAX:
            self._tags[key] = line.tag

    def turns(self, waiting: Container[str]) -> Iterator[TransferRow]:
        """The tasks in order, but for keys that are waiting for something. It ends where the next one is not known,
        because its key has more in the store."""
        heap = [(line.tag, key, 0) for key, line in self.lines.items() if line.rows and key not in waiting]
        heapq.heapify(heap)
        virtual = self._virtual
        while heap:
            tag, key, index = heap[0]
            line = self.lines[key]
            row = line.rows[index]
            yield row
            virtual = max(virtual, tag)
            if index + 1 < len(line.rows):
                heapq.heapreplace(heap, (virtual + self._share(row), key, index + 1))
            elif line.is_read:
                heapq.heappop(heap)
            else:
                return

    def passed(self, row: TransferRow, *, is_free: bool = False) -> None:
        """The first task of its line has had its turn. `is_free`: it was published by another before, and costs its key
        nothing."""
        line = self.lines[row.fairness_key]
        line.rows.popleft()
        line.cursors[row.shard_id] = row.task_id
        if not is_free:
            self._virtual = max(self._virtual, line.tag)
            line.tag = self._virtual + self._share(row)

    def _share(self, row: TransferRow) -> float:
        return max(row.cost, 1) * 1000 / self._weight_of(row.fairness_key, row.fairness_weight)
