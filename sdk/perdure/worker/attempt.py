"""One attempt of an activity in a worker, of whatever kind: what it runs in, and how it is stopped.

All methods are for the event loop's thread unless they say otherwise.
"""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from perdure.activity.context import ActivityContext, current_context
from perdure.activity.definition import ActivityDefinition
from perdure.activity.information import ActivityCancellationDetails, Info
from perdure.activity.shared_flag import SharedFlag
from perdure.metrics import MetricMeter
from perdure.protocol.tasks import ActivityTask
from perdure.worker.activity_information import arguments_of, information_of
from perdure.worker.deadlines import Deadlines
from perdure.worker.link import WorkerLink

if TYPE_CHECKING:
    from perdure.client import Client

logger = logging.getLogger("perdure.worker")

KILL_AFTER_S = 5.0
"""Seconds that an activity in a process of its own has to stop, once it must."""


class StopReason(Enum):
    """Why a running attempt is stopped."""

    CANCEL_REQUESTED = "its workflow cancelled it"
    PAUSED = "an operator paused it"
    RESET = "an operator reset it"
    TIMED_OUT = "its start-to-close timeout has passed"
    SOFT_LIMIT = "its soft time limit has passed"
    NOT_WANTED = "the engine no longer wants this attempt"
    WORKER_SHUTDOWN = "its worker stops"


_DETAILS = {
    StopReason.CANCEL_REQUESTED: ActivityCancellationDetails(cancel_requested=True),
    StopReason.PAUSED: ActivityCancellationDetails(paused=True),
    StopReason.RESET: ActivityCancellationDetails(reset=True),
    StopReason.TIMED_OUT: ActivityCancellationDetails(timed_out=True),
    StopReason.SOFT_LIMIT: ActivityCancellationDetails(timed_out=True),
    StopReason.NOT_WANTED: ActivityCancellationDetails(not_found=True),
    StopReason.WORKER_SHUTDOWN: ActivityCancellationDetails(worker_shutdown=True),
}


_URGENT = (StopReason.TIMED_OUT, StopReason.NOT_WANTED, StopReason.WORKER_SHUTDOWN)
"""Reasons to kill the process that it runs in, if it does not stop."""


class AttemptOwner(Protocol):
    """What an attempt asks of the worker that runs it."""

    link: WorkerLink
    deadlines: Deadlines
    metric_meter: MetricMeter
    worker_shutdown: SharedFlag
    loop_thread: int


Execute = Callable[["Attempt", Sequence[Any]], Awaitable[Any]]
"""Calls an activity through whatever stands around it."""


class Attempt(ActivityContext):
    """See the module's docstring. It is itself what the activity's code sees of it, see `current_context`.

    Attributes:
        stop_now: Stops what runs, when `stop` is called; set by who runs it.
        kill_now: Ends the process that it runs in, if that can be done without harm to others.
        is_killed: That was done.
    """

    __slots__ = (
        "_is_over",
        "_owner",
        "definition",
        "is_killed",
        "kill_now",
        "started_us",
        "stop_now",
        "stop_reason",
        "task",
    )

    def __init__(self, owner: AttemptOwner, task: ActivityTask, definition: ActivityDefinition) -> None:
        super().__init__(owner.worker_shutdown, owner.link.converter.payload_converter)
        self._owner = owner
        self.task = task
        self.definition = definition
        self.started_us = 0
        self.stop_reason: StopReason | None = None
        self.stop_now: Callable[[], Any] | None = None
        self.kill_now: Callable[[], None] | None = None
        self.is_killed = False
        self._is_over = False

    def task_bytes(self) -> bytes | None:
        """The task, for a process that makes of it all that its code sees; None where the task does not say all."""
        return None

    def note_start(self) -> None:
        """This is when it started. From any thread."""
        self.started_us = self.started_us or self._owner.link.environment.now_us()

    @abstractmethod
    def begin(self) -> None:
        """It has started: from here on its times count."""

    @abstractmethod
    def completed(self, data: bytes) -> None:
        """It returned."""

    @abstractmethod
    def failed(self, error: BaseException) -> None:
        """It raised: a failure, or the end of a cancellation."""

    def arguments(self) -> Sequence[Any]:
        """The decoded arguments. From any thread.

        Raises:
            ApplicationError: they do not fit the activity's parameters.
        """
        return arguments_of(self.task, self.definition, self._owner.link.converter)

    async def run(self, execute: Execute | None = None) -> None:
        """Run an `async def` activity, or any one by way of `execute`, and report it."""
        try:
            self.begin()
            arguments = self.arguments()
            current_context.set(self)
            if execute is None:
                result = await self.definition.function(*arguments)
            else:
                result = await execute(self, arguments)
            data = self.encode(result)
        except BaseException as error:  # the top of one attempt: even SystemExit must not end its neighbours
            self.failed(error)
        else:
            self.completed(data)

    def encode(self, result: Any) -> bytes:
        """The result as it travels. From any thread.

        Raises:
            TypeError: it cannot be converted.
            PayloadSizeError: it is too large.
        """
        return self._owner.link.converter.to_kept_bytes((result,), "the result of activity", self.task.activity_type)

    def task_ended(self, task: asyncio.Task[None]) -> None:
        """The task of `run` is done; without a report if it was cancelled before its first step."""
        if not self._is_over:
            self.failed(asyncio.CancelledError())

    def stop(self, reason: StopReason) -> None:
        """Ask what runs to stop; the first reason counts. The process of one that must stop is killed if it does
        not."""
        if self._is_over:
            return
        if self.kill_now is not None and reason in _URGENT:
            self._owner.deadlines.after(KILL_AFTER_S, self._kill)
        if self.stop_reason is not None and not (
            self.stop_reason is StopReason.SOFT_LIMIT and reason is StopReason.TIMED_OUT
        ):
            return
        self.stop_reason = reason
        self.show_stop(reason)
        if self.stop_now is not None:
            self.stop_now()

    def show_stop(self, reason: StopReason) -> None:
        """Let its code see that it is to stop, if it looks."""
        self.cancellation_details = _DETAILS[reason]
        self.cancelled.set()

    def _kill(self) -> None:
        if not self._is_over and not self.is_killed and self.kill_now is not None:
            logger.warning(
                "Activity %r (id %r)%s did not stop within %g s; its process is killed.",
                self.task.activity_type,
                self.task.activity_id,
                f" of workflow {self.task.workflow_id!r}" if self.task.workflow_id else "",
                KILL_AFTER_S,
            )
            self.is_killed = True
            self.kill_now()

    def _soft_timed_out(self) -> None:
        self.stop(StopReason.SOFT_LIMIT)

    def _timed_out(self) -> None:
        self.stop(StopReason.TIMED_OUT)

    def client(self) -> Client | None:
        """What `activity.client()` returns."""
        return self._owner.link.client if self.definition.is_async else None

    def metric_meter(self) -> MetricMeter:
        """What `activity.metric_meter()` returns."""
        task, link = self.task, self._owner.link
        said = {"namespace": task.namespace, "task_queue": link.task_queue, "activity_type": task.activity_type}
        if task.workflow_type:
            said["workflow_type"] = task.workflow_type
        return self._owner.metric_meter.with_additional_attributes(said)

    def make_info(self) -> Info:
        """What `activity.info()` returns."""
        link = self._owner.link
        return information_of(self.task, link.converter, link.task_queue, self.started_us)
