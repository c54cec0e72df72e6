"""Sticky tasks that are out: when one has waited long enough for its worker, it is due for the task queue."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

STICKY_TIMEOUT_S = 5.0
"""Seconds after which a workflow task that its sticky worker has not completed goes to the task queue as well."""


class StickyTask(NamedTuple):
    shard_id: int
    run_id: str
    event_id: int
    attempt: int


class StickyWatch:
    """In memory only: a later owner publishes every outstanding task that is not in its task queue's stream."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, StickyTask]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def published(self, tasks: Sequence[StickyTask], now_s: float) -> None:
        """These tasks went to their sticky workers."""
        for task in tasks:
            heapq.heappush(self._heap, (now_s + STICKY_TIMEOUT_S, task))

    def take_due(self, now_s: float) -> list[StickyTask]:
        """Tasks whose time is over; whether they are done, their run knows."""
        due = []
        while self._heap and self._heap[0][0] <= now_s:
            due.append(heapq.heappop(self._heap)[1])
        return due

    def put_back(self, tasks: Sequence[StickyTask], now_s: float) -> None:
        """What was taken could not be dealt with: it is still due."""
        for task in tasks:
            heapq.heappush(self._heap, (now_s, task))

    def next_due_s(self) -> float | None:
        return self._heap[0][0] if self._heap else None
