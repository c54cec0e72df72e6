"""Timers of one shard: those due soon are in memory, the rest are rows."""

from __future__ import annotations

import heapq

from perdure_store.port import Store, TimerKey, TimerRow

HORIZON_US = 60 * 1_000_000
"""How far ahead timers are held in memory: a sleeping workflow costs a row, not memory."""

PAGE = 5_000


class TimerQueue:
    """The timers of a shard that are due within the horizon."""

    def __init__(self, shard_id: int) -> None:
        self._shard_id = shard_id
        self._heap: list[TimerRow] = []
        self._known: dict[TimerKey, int] = {}
        self._horizon_us = 0

    def __len__(self) -> int:
        return len(self._known)

    async def refill(self, store: Store, now_us: int) -> None:
        """Take in what comes due within the horizon; call it at least every half horizon."""
        before_us, until_us = self._horizon_us, now_us + HORIZON_US
        # What is written while the store is being asked must be taken in as well.
        self._horizon_us = until_us
        try:
            rows = await store.timers(self._shard_id, after=None, until_us=until_us, limit=PAGE)
        except BaseException:
            self._horizon_us = before_us
            raise
        if len(rows) == PAGE:
            self._horizon_us = rows[-1].fire_at_us
        for row in rows:
            self._push(row)

    def add(self, row: TimerRow) -> None:
        """A timer that is being written: held if it is due within the horizon."""
        if row.fire_at_us <= self._horizon_us:
            self._push(row)

    def _push(self, row: TimerRow) -> None:
        key = TimerKey(*row[:5])
        if key not in self._known:
            self._known[key] = 1
            heapq.heappush(self._heap, row)

    def discard(self, key: TimerKey) -> None:
        """A timer that is being deleted."""
        self._known.pop(key, None)

    def next_due_us(self) -> int | None:
        heap = self._heap
        while heap and TimerKey(*heap[0][:5]) not in self._known:
            heapq.heappop(heap)
        return heap[0].fire_at_us if heap else None

    def take_due(self, now_us: int, limit: int) -> list[TimerRow]:
        """Up to `limit` timers due at `now_us`; they are the caller's from now on."""
        due: list[TimerRow] = []
        while len(due) < limit:
            next_us = self.next_due_us()
            if next_us is None or next_us > now_us:
                break
            row = heapq.heappop(self._heap)
            del self._known[TimerKey(*row[:5])]
            due.append(row)
        return due

    def put_back(self, rows: list[TimerRow]) -> None:
        """What was taken could not be decided yet."""
        for row in rows:
            self._push(row)

    def needs_refill(self, now_us: int) -> bool:
        """True if a refill is due: half of the horizon has passed."""
        return self._horizon_us < now_us + HORIZON_US // 2

    def reset(self) -> None:
        self._heap.clear()
        self._known.clear()
        self._horizon_us = 0
