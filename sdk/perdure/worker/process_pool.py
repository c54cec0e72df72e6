"""The processes of one worker: made when they are needed, lent to one attempt at a time, replaced when they die."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from perdure.worker.activity_process import ActivityProcess, ProcessDied


class ProcessPool:
    """At most `size` processes. From any thread."""

    def __init__(
        self,
        size: int,
        context: Any,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        calls_max: int | None = None,
    ) -> None:
        """`calls_max`: how many calls a process takes before another one replaces it."""
        self.size = size
        self._made_of = (context, initializer, initargs)
        self._calls_max = calls_max
        self._lock = threading.Lock()
        self._idle: list[ActivityProcess] = []
        self._lent: dict[int, ActivityProcess] = {}
        self._is_stopping = False
        self._is_closed = False

    @staticmethod
    def like(executor: ProcessPoolExecutor) -> ProcessPool:
        """A pool that is made as this executor would be. Where it keeps that has not changed since it exists."""
        return ProcessPool(
            executor._max_workers,  # type: ignore[attr-defined]  # no public way to ask
            executor._mp_context,
            executor._initializer,
            executor._initargs,
            executor._max_tasks_per_child,  # type: ignore[attr-defined]
        )

    @contextlib.contextmanager
    def lent(self) -> Iterator[ActivityProcess]:
        """A process for one call. One that died in it is forgotten.

        Raises:
            OSError: no process can be made.
        """
        process = self._take()
        try:
            yield process
        except ProcessDied:
            self._give_back(process, is_usable=False)
            raise
        except BaseException:
            self._give_back(process, is_usable=True)
            raise
        else:
            self._give_back(process, is_usable=self._calls_max is None or process.calls < self._calls_max)

    def _take(self) -> ActivityProcess:
        with self._lock:
            process = self._idle.pop() if self._idle else None
        if process is None:
            process = ActivityProcess(*self._made_of, worker_stops=self._is_stopping)
        with self._lock:
            self._lent[id(process)] = process
        return process

    def _give_back(self, process: ActivityProcess, *, is_usable: bool) -> None:
        with self._lock:
            del self._lent[id(process)]
            is_kept = is_usable and not self._is_closed and not process.is_killed
            if is_kept:
                self._idle.append(process)
        if not is_kept:
            process.close()

    def worker_stops(self) -> None:
        """Tell all of them, and those that will be made."""
        self._is_stopping = True
        with self._lock:
            processes = [*self._idle, *self._lent.values()]
        for process in processes:
            process.worker_stops()

    def close(self) -> None:
        """Let all of them end by themselves. Harmless when repeated."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for process in idle:
            process.close()
