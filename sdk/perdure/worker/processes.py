"""The processes of one worker: made when they are needed, given calls, replaced when they die or are worn out.

Rules:
- A process is given more than one call at a time only as long as calls are so short that waiting for its answer would
  cost more than they do: what it has ahead is `AHEAD_S` of work by what was measured last. So a worker takes no tasks
  that another one could begin earlier.
- When a process gets stuck in a call all the same, what waits behind it is taken back, and goes to whoever is free.
- A call that had begun when its process died fails; the others go to another process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Iterator

from perdure.worker.activity_process import ActivityProcess, ProcessCall, start_process
from perdure.worker.process_pool import ProcessPool
from perdure.worker.process_server import ProcessSetup

logger = logging.getLogger("perdure.worker")

AHEAD_S = 0.02
"""Seconds of work that a process has before it beside the call that it runs; half of what a task may wait unnoticed."""

AHEAD_MAX = 128
"""Calls that it has before it at the most."""

STUCK_S = 0.05
"""A process that takes longer over a call gives back what waits behind that."""

_DECAY = 0.1
_UNKNOWN_S = 1.0


class Processes:
    """See the module's docstring. For the event loop's thread."""

    def __init__(self, pool: ProcessPool, setup: ProcessSetup, loop: asyncio.AbstractEventLoop) -> None:
        self.size = pool.size
        self._pool = pool
        self._setup = setup
        self._loop = loop
        self._waiting: deque[ProcessCall] = deque()
        self._all: list[ActivityProcess] = []
        self._starting = 0
        self._call_s = _UNKNOWN_S
        self._is_assigning = False
        self._is_watching = False
        self._is_stopping = False
        self._is_closed = False

    # Calls -----------------------------------------------------------------------------------------------------------
    def room(self) -> int:
        """How many calls more it is good to have here."""
        return self.size * (1 + self._ahead()) - len(self._waiting) - sum(len(one.in_flight) for one in self._all)

    def submit(self, call: ProcessCall) -> None:
        """Have a call carried out as soon as there is a process for it.

        Raises:
            RuntimeError: this is closed.
        """
        if self._is_closed:
            raise RuntimeError("the worker has stopped")
        self._waiting.append(call)
        self._assign_soon()

    def withdraw(self, call: ProcessCall) -> bool:
        """Take a call back that no process has. False: one has it."""
        try:
            self._waiting.remove(call)
        except ValueError:
            return False
        return True

    def _ahead(self) -> int:
        return min(AHEAD_MAX, int(AHEAD_S / self._call_s)) if self._call_s else AHEAD_MAX

    def _assign_soon(self) -> None:
        """Once for all that comes in this turn of the loop."""
        if not self._is_assigning:
            self._is_assigning = True
            self._loop.call_soon(self._assign)

    def _assign(self) -> None:
        self._is_assigning = False
        depth = 1 + self._ahead()
        given: dict[ActivityProcess, None] = {}
        while self._waiting:
            process = self._next_process(depth)
            if process is None:
                break
            self._waiting.popleft().give_to(process)
            given[process] = None
            if self._pool.calls_max is not None and process.calls >= self._pool.calls_max:
                self._replace(process)
        for process in given:
            process.flush()
            if len(process.in_flight) > 1:
                self._watch()
        if self._waiting:
            self._start_another()

    def _next_process(self, depth: int) -> ActivityProcess | None:
        """The one with the fewest calls. No more of them work at a time than there are to be, those included that are
        about to end."""
        best, fewest, busy = None, depth, 0
        for process in self._all:
            count = len(process.in_flight)
            busy += count > 0
            if count < fewest and not process.is_ending:
                best, fewest = process, count
        return None if fewest == 0 and busy >= self.size else best

    # Processes -------------------------------------------------------------------------------------------------------
    def _active(self) -> Iterator[ActivityProcess]:
        return (process for process in self._all if not process.is_ending)

    def _start_another(self) -> None:
        if self._is_closed or self._starting + sum(1 for _ in self._active()) >= self.size:
            return
        self._starting += 1
        threading.Thread(target=self._make, name="perdure-process", daemon=True).start()

    def _make(self) -> None:
        """In a thread of its own: that of an executor, copied by a fork, would keep a process from ending in order."""
        made: ActivityProcess | Exception
        try:
            made = start_process(self._pool.context, self._setup)
        except Exception as error:  # what the system refuses, and what cannot be pickled
            made = error
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(self._started, made)

    def _started(self, process: ActivityProcess | Exception) -> None:
        self._starting -= 1
        if isinstance(process, Exception):
            if self._waiting:
                self._waiting.popleft().failed(process)
        else:
            process.attach(self._loop, self)
            self._all.append(process)
            if self._is_stopping:
                process.worker_stops()
            if self._is_closed:
                process.close()
                return
        self._assign_soon()

    def _replace(self, process: ActivityProcess) -> None:
        """Let it end after what it has; another one is there by then."""
        process.end()
        self._start_another()

    # What processes say ----------------------------------------------------------------------------------------------
    def process_answered(self, process: ActivityProcess, seconds: float) -> None:
        """A long call counts at once, short ones little by little."""
        self._call_s = seconds if seconds > self._call_s else self._call_s + (seconds - self._call_s) * _DECAY

    def process_read(self, process: ActivityProcess) -> None:
        if self._waiting:
            self._assign_soon()

    def process_returned(self, calls: list[ProcessCall]) -> None:
        self._waiting.extendleft([call for call in reversed(calls) if call.returned()])
        self._assign_soon()

    def process_full(self, process: ActivityProcess, size: int) -> None:
        logger.info("A process of %d bytes is replaced: max_memory_per_child is %d.", size, self._pool.memory_max or 0)
        process.give_back()
        self._replace(process)

    def process_ended(self, process: ActivityProcess) -> None:
        self._all.remove(process)
        if self._waiting:
            self._assign_soon()

    # Stuck -----------------------------------------------------------------------------------------------------------
    def _watch(self) -> None:
        if not self._is_watching:
            self._is_watching = True
            self._loop.call_later(STUCK_S, self._look)

    def _look(self) -> None:
        self._is_watching = False
        before = self._loop.time() - STUCK_S
        for process in self._all:
            if len(process.in_flight) > 1:
                if process.progressed_at < before:
                    self._call_s = max(self._call_s, STUCK_S)
                    process.give_back()
                self._watch()

    # Stopping --------------------------------------------------------------------------------------------------------
    def worker_stops(self) -> None:
        """Tell all of them, and those that will be made."""
        self._is_stopping = True
        for process in self._all:
            process.worker_stops()

    def kill(self) -> None:
        """End all of them, whatever they do."""
        self._is_closed = True
        for process in self._all:
            process.kill()

    def close(self) -> None:
        """Let all of them end by themselves. Harmless when repeated."""
        self._is_closed = True
        for process in self._all:
            process.close()
        self._all.clear()
