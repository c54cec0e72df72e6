"""Many deadlines on one timer of the event loop.

Role: an activity has up to three deadlines, and nearly always ends before any of them. So a deadline costs an append
and a look; the loop's own timer exists once.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from typing import Any

TICK_S = 0.02
"""How late a deadline may be noticed."""


class Deadlines:
    """`after_delay` has one fixed delay, so that its deadlines are due in order; `at` takes any time.

    A callback whose reason has gone must find that out by itself.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, delay_s: float) -> None:
        self._loop = loop
        self._delay_s = delay_s
        self._in_order: deque[tuple[float, Callable[[], Any]]] = deque()
        self._others: list[tuple[float, int, Callable[[], Any]]] = []
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def after_delay(self, callback: Callable[[], Any]) -> None:
        """Call back once the fixed delay has passed."""
        self._in_order.append((self._loop.time() + self._delay_s, callback))
        if self._timer is None or len(self._in_order) == 1:
            self._arm()

    def after(self, seconds: float, callback: Callable[[], Any]) -> None:
        """Call back once `seconds` have passed."""
        self._count += 1
        heapq.heappush(self._others, (self._loop.time() + seconds, self._count, callback))
        self._arm()

    def close(self) -> None:
        """Forget all of them."""
        self._in_order.clear()
        self._others.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        """Wake when the next is due, at least a tick from now."""
        due = [queue[0][0] for queue in (self._in_order, self._others) if queue]
        if not due:
            return
        when = max(min(due), self._loop.time() + TICK_S)
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._in_order and self._in_order[0][0] <= now:
            self._in_order.popleft()[1]()
        while self._others and self._others[0][0] <= now:
            heapq.heappop(self._others)[2]()
        if self._timer is None:
            self._arm()
