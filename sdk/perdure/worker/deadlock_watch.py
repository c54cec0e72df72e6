"""Notices workflow code that does not give the thread back, and says where it stands.

Role: a thread that looks at what the event loop's thread is doing. It interrupts nothing: the engine gives the task to
another worker when its time is up, and this worker goes on when the code returns.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback

from perdure.execution.instance import WorkflowInstance

logger = logging.getLogger("perdure.worker")

_LOOKS = 4
"""The thread looks this often within the limit."""

_JOIN_TIMEOUT_S = 5.0

_monotonic = time.monotonic


class DeadlockWatch:
    """`running` is the instance that is being activated, set and cleared by the activating thread (`thread_id`)."""

    def __init__(self, limit_s: float) -> None:
        self.running: WorkflowInstance | None = None
        self.thread_id = 0
        self._limit_s = limit_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="perdure-deadlocks", daemon=True)

    def start(self) -> None:
        if self._limit_s > 0:
            self.thread_id = threading.get_ident()
            self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_TIMEOUT_S)

    def _run(self) -> None:
        seen: tuple[WorkflowInstance | None, int] = (None, 0)
        since = _monotonic()
        is_reported = False
        while not self._stop.wait(self._limit_s / _LOOKS):
            instance = self.running
            # A replay that makes progress from task to task is long, not stuck.
            now_seen = (instance, 0 if instance is None else instance.history_length)
            if instance is None or now_seen != seen:
                seen, since, is_reported = now_seen, _monotonic(), False
            elif not is_reported and _monotonic() - since >= self._limit_s:
                is_reported = True
                self._report(instance)

    def _report(self, instance: WorkflowInstance) -> None:
        frame = sys._current_frames().get(self.thread_id)
        stack = "".join(traceback.format_stack(frame)) if frame is not None else "(no stack)\n"
        logger.error(
            "Workflow %r (id %r, run %s) has not given the thread back for %.1f s; all workflows of this worker wait "
            "for it. Workflow code must not block, compute for long or loop without waiting: move that to an activity. "
            "It stands here:\n%s",
            instance.definition.name,
            instance.run.workflow_id,
            instance.run.run_id,
            self._limit_s,
            stack,
        )
