"""Cancellation of an activity that runs in a thread: an exception raised in it from outside.

Code which waits in C (a blocking read, `time.sleep`) sees it when it comes back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from perdure.exceptions import CancelledError
from perdure.worker.foreign_exceptions import raise_in, take_back


class ThreadCancellation:
    """One attempt in one thread."""

    __slots__ = ("_is_over", "_is_raised", "_is_wanted", "_lock", "_shields", "_thread_id")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread_id = 0
        self._shields = 0
        self._is_wanted = False
        self._is_raised = False
        self._is_over = False

    def run(self, function: Callable[..., Any], arguments: Any) -> Any:
        """Call a function so that `cancel` reaches it.

        Raises:
            CancelledError: `cancel` was called before or while it ran.
        """
        with self._lock:
            if self._is_wanted:
                raise CancelledError("Cancelled before it began")
            self._thread_id = threading.get_ident()
        try:
            return function(*arguments)
        finally:
            with self._lock:
                self._is_over = True
                if self._is_raised:
                    take_back()  # in case it has not been raised yet

    def cancel(self) -> None:
        """Raise `CancelledError` in the thread, once. From another thread."""
        with self._lock:
            if self._is_over or self._is_wanted:
                return
            self._is_wanted = True
            if self._thread_id and not self._shields:
                self._is_raised = True
                raise_in(self._thread_id, CancelledError)

    @contextmanager
    def shield(self) -> Iterator[None]:
        """Hold the exception back until the outermost such block ends."""
        with self._lock:
            self._shields += 1
        try:
            yield
        finally:
            with self._lock:
                self._shields -= 1
                is_due = self._is_wanted and not self._shields and not self._is_raised
                self._is_raised = self._is_raised or is_due
            if is_due:
                raise CancelledError("Cancelled")
