"""Notices workflow code that does not give the thread back, says where it stands, and takes the thread from it.

Role: a thread that looks at what the event loop's thread is doing. Code that stands in Python (an endless loop) gets an
exception between two bytecodes, so that its workflow task fails and the other workflows of this worker go on. Code that
waits in C (`time.sleep`, a database driver) gets it when it comes back.

Rules:
- What is raised from outside reaches the guarded code and nothing else: it is raised, and taken back, under a lock.
- Code that catches even this is interrupted again, each time that the limit has passed.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from perdure.exceptions import WorkflowTaskError
from perdure.execution.instance import WorkflowInstance
from perdure.execution.source_lines import stack_below
from perdure.worker.foreign_exceptions import raise_in, take_back

logger = logging.getLogger("perdure.worker")

T = TypeVar("T")

_LOOKS = 4
"""The thread looks this often within the limit."""

_JOIN_TIMEOUT_S = 5.0


class WorkflowStuckError(WorkflowTaskError):
    """Workflow code kept the thread for longer than the worker's `deadlock_timeout`."""


class _Interruption(BaseException):
    """Raised in code that keeps the thread. No `Exception`, so that few would catch it."""


class DeadlockWatch:
    """Args:
    limit_s: how long workflow code may keep the thread; 0: for ever.
    """

    def __init__(self, limit_s: float) -> None:
        self.thread_id = 0
        self._limit_s = limit_s
        self._running: WorkflowInstance | None = None
        self._lock = threading.Lock()
        self._stood_at = ""
        self._stack = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="perdure-deadlocks", daemon=True)

    def start(self) -> None:
        """Begin to watch. From the thread that will run workflow code."""
        if self._limit_s > 0:
            self.thread_id = threading.get_ident()
            self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_TIMEOUT_S)

    # The thread that runs workflow code ------------------------------------------------------------------------------
    def guard(self, instance: WorkflowInstance, function: Callable[..., T], *arguments: Any) -> T:
        """Call what runs code of `instance`.

        Raises:
            WorkflowStuckError: the code kept the thread, whatever it has made of the interruption.
            BaseException: whatever else it raises.
        """
        stood_at = ""
        self._running = instance
        try:
            try:
                result = function(*arguments)
            finally:
                stood_at = self._settle()
        except BaseException as error:
            stood_at = stood_at or self._settle()  # the interruption may have come on the way to the first
            if not stood_at:
                raise
            instance.loop.leave()
            raise self._stuck(instance, stood_at) from (None if isinstance(error, _Interruption) else error)
        if stood_at:
            raise self._stuck(instance, stood_at)
        return result

    def close(self, instance: WorkflowInstance) -> None:
        """Close an instance. Its code may have something to say to that, in a `finally`, for ever."""
        try:
            self.guard(instance, instance.close)
        except WorkflowStuckError as error:
            logger.warning("Run %s is let go against its will: %s", instance.run.run_id, error)

    def _settle(self) -> str:
        """The code has returned: from here on it is not interrupted. Returns where it stood if it was."""
        stood_at = ""
        while True:
            try:
                with self._lock:
                    self._running = None
                    stood_at, self._stood_at = stood_at or self._stood_at, ""
                    if stood_at:
                        take_back()  # in case it has not been raised yet
                return stood_at
            except _Interruption:
                continue  # it came late, between two bytecodes of this

    def _stuck(self, instance: WorkflowInstance, stood_at: str) -> WorkflowStuckError:
        return WorkflowStuckError(
            f"workflow {instance.definition.name!r} kept the thread for more than {self._limit_s:g} s, {stood_at}. "
            "Workflow code must not block, compute for long or loop without waiting: move that to an activity, or give "
            "the worker a longer deadlock_timeout. It stood here:\n" + self._stack
        )

    # The watching thread ---------------------------------------------------------------------------------------------
    def _run(self) -> None:
        seen: tuple[WorkflowInstance | None, int] = (None, 0)
        looks = 0  # not the time: while the process is stopped, nobody makes progress
        while not self._stop.wait(self._limit_s / _LOOKS):
            instance = self._running
            # A replay that makes progress from task to task is long, not stuck.
            now_seen = (instance, 0 if instance is None else instance.history_length)
            if instance is None or now_seen != seen:
                seen, looks = now_seen, 0
                continue
            looks += 1
            if looks >= _LOOKS:
                self._interrupt(instance)
                looks = 0

    def _interrupt(self, instance: WorkflowInstance) -> None:
        frame = sys._current_frames().get(self.thread_id)
        stack = traceback.extract_stack(frame) if frame is not None else traceback.StackSummary()
        place = f"at {stack[-1].filename}:{stack[-1].lineno} in {stack[-1].name}" if stack else "nobody knows where"
        del frame
        with self._lock:
            if self._running is not instance:
                return
            is_first = not self._stood_at
            self._stood_at = place
            self._stack = stack_below("guard", stack)
            raise_in(self.thread_id, _Interruption)
        if is_first:
            self._report(instance, stack)

    def _report(self, instance: WorkflowInstance, stack: traceback.StackSummary) -> None:
        logger.error(
            "Workflow %r (id %r, run %s) has not given the thread back for %.1f s; all workflows of this worker wait "
            "for it. Its workflow task fails and is tried again. Workflow code must not block, compute for long or "
            "loop without waiting: move that to an activity. It stands here:\n%s",
            instance.definition.name,
            instance.run.workflow_id,
            instance.run.run_id,
            self._limit_s,
            "".join(stack.format()),
        )
