"""Celery's signals: functions that are called when something happens to tasks and workers.

Rules: receivers are called in the order in which they were connected, where it happens: those of tasks in the process
that runs them. What one raises is logged, and stops nothing. A receiver is kept alive (Celery lets go of local ones).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

logger = logging.getLogger("perdure.compat.celery")

Receiver = Callable[..., Any]


class Signal:
    """One of them.

    Args:
        name: What programs know it as.
        never: Why it is never sent here, and what to use; connecting to it says so.
    """

    def __init__(self, name: str, never: str = "") -> None:
        self.name = name
        self._never = never
        self._receivers: dict[Any, tuple[Receiver, Any]] = {}

    def __repr__(self) -> str:
        return f"<Signal: {self.name}>"

    @property
    def receivers(self) -> list[Receiver]:
        """Who is connected."""
        return [receiver for receiver, _sender in self._receivers.values()]

    def connect(
        self,
        receiver: Receiver | None = None,
        sender: Any = None,
        weak: bool = True,
        dispatch_uid: Any = None,
        **_options: Any,
    ) -> Any:
        """Have it called; also a decorator, with and without arguments.

        Args:
            sender: Only for what comes from this one.
            weak: Taken, and without effect.
            dispatch_uid: A name under which it is connected once, however often this is called.
        """
        if receiver is None:
            return lambda decorated: self.connect(decorated, sender, weak, dispatch_uid)
        if self._never:
            logger.warning("The signal %s is never sent by Perdure: %s", self.name, self._never)
        self._receivers[_key(receiver, sender, dispatch_uid)] = receiver, sender
        return receiver

    def disconnect(
        self, receiver: Receiver | None = None, sender: Any = None, weak: Any = None, dispatch_uid: Any = None
    ) -> bool:
        """Let it be called no more. Returns whether it was connected."""
        return self._receivers.pop(_key(receiver, sender, dispatch_uid), None) is not None

    def send(self, sender: Any, **named: Any) -> list[tuple[Receiver, Any]]:
        """Call all receivers. Returns each with what it returned, or the exception that it raised."""
        if not self._receivers:
            return []
        answers: list[tuple[Receiver, Any]] = []
        for receiver, wanted in list(self._receivers.values()):
            if wanted is not None and wanted is not sender and wanted != sender:
                continue
            try:
                answer = receiver(signal=self, sender=sender, **named)
            except Exception as error:  # the top of one receiver
                logger.exception("The receiver %r of the signal %s failed", receiver, self.name)
                answer = error
            answers.append((receiver, answer))
        return answers


def _key(receiver: Any, sender: Any, dispatch_uid: Any) -> tuple[Any, int]:
    return (dispatch_uid if dispatch_uid is not None else receiver), id(sender) if sender is not None else 0


_HERE = "the worker that would know is not asked; use the engine's views (`perdure task list`, `perdure queue list`)"
_BEAT = "there is no beat process: engines carry schedules out"
_LOGS = "workers leave logging as the program sets it up; use the standard library's logging"

before_task_publish = Signal("before_task_publish")
after_task_publish = Signal("after_task_publish")
task_prerun = Signal("task_prerun")
task_postrun = Signal("task_postrun")
task_success = Signal("task_success")
task_retry = Signal("task_retry")
task_failure = Signal("task_failure")
task_internal_error = Signal("task_internal_error", "what fails in a worker fails the attempt; see task_failure")
task_revoked = Signal("task_revoked")
task_rejected = Signal("task_rejected", "a message that is no task stays in its queue, and is logged")
task_received = Signal("task_received", f"tasks are read many at a time; {_HERE}")
task_unknown = Signal("task_unknown", "a task that a worker does not know is tried again until one knows it")
celeryd_init = Signal("celeryd_init", "use worker_ready, or code at the top of the module")
celeryd_after_setup = Signal("celeryd_after_setup", "use worker_ready, or code at the top of the module")
worker_init = Signal("worker_init")
worker_ready = Signal("worker_ready")
worker_shutting_down = Signal("worker_shutting_down")
worker_shutdown = Signal("worker_shutdown")
worker_before_create_process = Signal("worker_before_create_process", "use worker_process_init")
worker_process_init = Signal("worker_process_init")
worker_process_shutdown = Signal("worker_process_shutdown", "processes may end at any time; use task_postrun or atexit")
heartbeat_sent = Signal("heartbeat_sent", _HERE)
beat_init = Signal("beat_init", _BEAT)
beat_embedded_init = Signal("beat_embedded_init", _BEAT)
setup_logging = Signal("setup_logging", _LOGS)
after_setup_logger = Signal("after_setup_logger", _LOGS)
after_setup_task_logger = Signal("after_setup_task_logger", _LOGS)
import_modules = Signal("import_modules")
