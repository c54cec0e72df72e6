"""Soft time limits: `SoftTimeLimitExceeded`, raised in the thread that runs a task.

Code that waits in C (a blocking read, one long `time.sleep`) sees it when it comes back.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from perdure.compat.celery.exceptions import SoftTimeLimitExceeded
from perdure.worker.foreign_exceptions import raise_in, take_back


@contextmanager
def soft_limit(seconds: float | None) -> Iterator[None]:
    """Raise it in this thread when the block takes longer; None: never."""
    if seconds is None:
        yield
        return
    watch = _Watch(threading.get_ident())
    timer = threading.Timer(seconds, watch.passed)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        watch.end()


class _Watch:
    def __init__(self, thread_id: int) -> None:
        self._thread_id = thread_id
        self._lock = threading.Lock()
        self._is_raised = False
        self._is_over = False

    def passed(self) -> None:
        """From the timer's thread."""
        with self._lock:
            if not self._is_over:
                self._is_raised = True
                raise_in(self._thread_id, SoftTimeLimitExceeded)

    def end(self) -> None:
        with self._lock:
            self._is_over = True
            if self._is_raised:
                take_back()  # in case it has not been raised yet
