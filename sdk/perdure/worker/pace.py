"""How many tasks a second a worker begins at most.

Rule: who may not begin a task leaves it in its stream, where another worker may take it.
"""

from __future__ import annotations

from collections.abc import Callable

_STEP_S = 0.1
"""What one read may take is what the rate allows in this time: even enough, and few reads."""


class Pace:
    """At most `rate` tasks a second, and no more at once than a tenth of a second's worth (one, if that is less)."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._next_at = clock()
        self.count_max = max(1, int(rate * _STEP_S))

    def wait_s(self) -> float:
        """How long to wait before tasks are read; at most 0 when they may be."""
        return self._next_at - self._clock()

    def took(self, count: int) -> None:
        """So many were read now."""
        self._next_at = max(self._next_at, self._clock()) + count / self._rate
