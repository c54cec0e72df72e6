"""What becomes of a start whose activity id was used a moment ago, or is in use: one of four ways to run it once."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from datetime import timedelta

from perdure.protocol.activity_executions import Deduplicate, DeduplicationMode


@dataclass(frozen=True)
class Deduplication:
    """Made by one of its functions. It is the activity id (of a task: `task_id`) that says what is the same.

    Windows are kept whatever the retention of the namespace, and across engines, restarts and lost replies.
    """

    mode: DeduplicationMode
    window: timedelta = timedelta()

    def __post_init__(self) -> None:
        if self.window < timedelta():
            raise ValueError(f"the window of a deduplication is {self.window}; it must not be below 0")
        if self.mode is DeduplicationMode.DEBOUNCE and not self.window:
            raise ValueError("a debounce needs a window above 0: how long the last call must have been quiet")

    @staticmethod
    def reject(window: timedelta | float) -> Deduplication:
        """The first of a window (from its start on) runs; others are refused (`ActivityAlreadyStartedError`), also as
        long as it runs. The handle of a task tells by `is_new`."""
        return Deduplication(DeduplicationMode.REJECT, _duration(window))

    @staticmethod
    def throttle(window: timedelta | float) -> Deduplication:
        """The same, but others are given the handle of the first."""
        return Deduplication(DeduplicationMode.THROTTLE, _duration(window))

    @staticmethod
    def debounce(window: timedelta | float) -> Deduplication:
        """The last one runs, with its own arguments, once none has come for so long. What comes while it runs begins
        another window when it has ended."""
        return Deduplication(DeduplicationMode.DEBOUNCE, _duration(window))

    @staticmethod
    def latest() -> Deduplication:
        """The first runs at once; of those that come while it runs, the latest runs when it has ended."""
        return Deduplication(DeduplicationMode.LATEST)

    def to_data(self) -> Deduplicate:
        """As it travels, once for each call: an engine knows by the order which of one process's calls is the later."""
        return Deduplicate(int(self.mode), round(self.window / timedelta(milliseconds=1)), _next_order())


def _duration(window: timedelta | float) -> timedelta:
    return window if isinstance(window, timedelta) else timedelta(seconds=window)


_calls = itertools.count(time.time_ns() // 1000)


def _next_order() -> int:
    """Rises with each call of this process, and from one process to its successor on the same machine."""
    return next(_calls)
