"""One attempt of an activity that a worker took from a task queue, and what is reported of it.

Rules: whatever happens, an attempt is reported once, or dropped once because nobody wants it any more. All methods are
for the event loop's thread unless they say otherwise.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

from perdure.activity.async_completion import CompleteAsync
from perdure.activity.definition import ActivityDefinition
from perdure.content.sending import CUT_ABOVE_BYTES, CUT_ABOVE_BYTES_GROWN, Parcel
from perdure.exceptions import ApplicationError, CancelledError, TimeoutError, TimeoutType
from perdure.protocol.failure import (
    ACTIVITY_PAUSE,
    ACTIVITY_RESET,
    QUEUE_THROTTLED,
    THROTTLED,
    ApplicationInfo,
    ErrorCategory,
    Failure,
    TimeoutInfo,
)
from perdure.protocol.payload import NO_VALUES
from perdure.protocol.replies import ReplyKind, decode_activity_directive
from perdure.protocol.requests import (
    RecordActivityTaskHeartbeat,
    RecordActivityTaskStarted,
    RespondActivityTaskCanceled,
    RespondActivityTaskCompleted,
    RespondActivityTaskDetached,
    RespondActivityTaskFailed,
)
from perdure.protocol.tasks import ActivityTask, encode_task, task_member
from perdure.worker.attempt import Attempt, AttemptOwner, StopReason
from perdure.worker.heartbeats import SEND_PART, Heartbeats
from perdure_broker.port import TaskEntry

logger = logging.getLogger("perdure.worker")


class ActivityAttemptOwner(AttemptOwner, Protocol):
    """What an attempt asks of the worker that took its task."""

    default_heartbeat_interval_s: float
    max_heartbeat_interval_s: float
    unanswered: dict[tuple[str, int, int], ActivityAttempt]

    def attempt_ended(self, attempt: ActivityAttempt) -> None: ...


class ActivityAttempt(Attempt):
    """See the module's docstring.

    Attributes:
        known_content: Hashes of the pieces that its input was made of, if it was large.
        interruption: It was paused or reset, and is to end for that if it can be asked to.
        key: Names the attempt in what the engine says about it: run id, scheduled event id, attempt.
    """

    __slots__ = ("_heartbeats", "_is_refused", "_is_reported", "entry", "interruption", "key", "known_content")

    _owner: ActivityAttemptOwner

    def __init__(
        self, owner: ActivityAttemptOwner, entry: TaskEntry, task: ActivityTask, definition: ActivityDefinition
    ) -> None:
        super().__init__(owner, task, definition)
        self.entry = entry
        self.key = (task.run_id, task.scheduled_event_id, task.attempt)
        self._heartbeats: Heartbeats | None = None
        self._is_refused = False
        self._is_reported = False
        self.interruption: StopReason | None = None
        self.known_content: dict[bytes, int] = _NOTHING

    def task_bytes(self) -> bytes | None:
        """The task says all."""
        return encode_task(self.task)

    def begin(self) -> None:
        """It has started: from here on its times count."""
        self.note_start()
        owner, timeout_ms = self._owner, self.task.start_to_close_timeout_ms
        if not self._is_reported:
            owner.deadlines.after_delay(self._report_started)
        if self.task.soft_timeout_ms:
            owner.deadlines.after(self.task.soft_timeout_ms / 1000, self._soft_timed_out)
        if timeout_ms and (timeout_ms <= _SHORT_TIMEOUT_MS or self._is_reported):
            owner.deadlines.after(timeout_ms / 1000, self._timed_out)

    # Reports ---------------------------------------------------------------------------------------------------------
    def completed(self, data: bytes) -> None:
        """It returned."""
        task, link, entry = self.task, self._owner.link, self.entry
        parcel = None
        above = CUT_ABOVE_BYTES_GROWN if self.known_content else CUT_ABOVE_BYTES
        if (
            len(data) > above and link.coding is None and task.workflow_id
        ):  # what is encrypted has nothing in common with anything
            parcel = Parcel(self.known_content)
            data = parcel.refer(data)
        self._report(
            RespondActivityTaskCompleted(
                task.run_id,
                task.scheduled_event_id,
                task.attempt,
                self.started_us,
                data,
                link.identity,
                entry.stream,
                entry.entry_id,
            ),
            parcel,
        )

    def failed(self, error: BaseException) -> None:
        """It raised: a failure, or the end of a cancellation."""
        reason = self.stop_reason or self.interruption
        if reason is not None and isinstance(error, asyncio.CancelledError | CancelledError):
            self._stopped(error, reason)
        elif isinstance(error, CompleteAsync):
            self._detach()
        else:
            task = self.task
            failure = self._owner.link.converter.to_failure(error)
            category = getattr(failure.info, "category", ErrorCategory.UNSPECIFIED)
            logger.log(
                logging.DEBUG if category == ErrorCategory.BENIGN else logging.WARNING,
                "Activity %r (id %r)%s failed in attempt %d: %s: %s",
                task.activity_type,
                task.activity_id,
                f" of workflow {task.workflow_id!r}" if task.workflow_id else "",
                task.attempt,
                type(error).__name__,
                failure.message,
            )
            self._fail(failure)
            if getattr(failure.info, "type", "") in (THROTTLED, QUEUE_THROTTLED):
                self._hold(failure.info)

    def _hold(self, info: Any) -> None:
        """It was told to come back later: so are the other tasks of its key, or of its queue."""
        key = self.task.fairness.key if self.task.fairness is not None and info.type == THROTTLED else ""
        self._owner.link.hold(self.entry, key, info.next_retry_delay_ms * 1000)

    def _detach(self) -> None:
        """Its function ended, and somebody else completes it."""
        task, link, entry = self.task, self._owner.link, self.entry
        self._send_unsent_heartbeat()
        self._report(
            RespondActivityTaskDetached(
                task.run_id,
                task.scheduled_event_id,
                task.attempt,
                self.started_us,
                link.identity,
                entry.stream,
                entry.entry_id,
            )
        )

    def _stopped(self, error: BaseException, reason: StopReason) -> None:
        """It ended because it was asked to."""
        task, link, entry = self.task, self._owner.link, self.entry
        match reason:
            case StopReason.CANCEL_REQUESTED:
                details = getattr(error, "details", ())
                self._report(
                    RespondActivityTaskCanceled(
                        task.run_id,
                        task.scheduled_event_id,
                        task.attempt,
                        self.started_us,
                        self._encode_details(details) if details else b"",
                        link.identity,
                        entry.stream,
                        entry.entry_id,
                    )
                )
            case StopReason.TIMED_OUT:
                info = TimeoutInfo(TimeoutType.START_TO_CLOSE, self._last_heartbeat())
                self._fail(Failure.of("activity start-to-close timeout", info, source="PythonSDK"))
            case StopReason.SOFT_LIMIT:
                limit = ApplicationInfo(SOFT_TIME_LIMIT)
                self._fail(Failure.of("its soft time limit has passed", limit, source="PythonSDK"))
            case StopReason.PAUSED:
                paused = ApplicationInfo(ACTIVITY_PAUSE)
                self._fail(Failure.of("the activity was paused while it ran", paused, source="PythonSDK"))
            case StopReason.RESET:
                reset = ApplicationInfo(ACTIVITY_RESET)
                self._fail(Failure.of("the activity was reset while it ran", reset, source="PythonSDK"))
            case StopReason.NOT_WANTED:
                self._end()
                self.drop()
            case _:
                shutdown = ApplicationInfo("WorkerShutdown", next_retry_delay_ms=1)
                self._fail(Failure.of("the worker was shut down", shutdown, source="PythonSDK"))

    def drop(self) -> None:
        """Nobody waits for a report: give up the entry and the claim. If the attempt runs elsewhere, its row names that
        worker: nobody publishes it again, and should that worker be gone too, the engine finds out."""
        self._owner.link.drop(self.entry, task_member(*self.key))

    def fail_with(self, error: ApplicationError | TimeoutError) -> None:
        """It could not be run at all."""
        self.note_start()
        self._fail(self._owner.link.converter.to_failure(error))

    def _fail(self, failure: Failure) -> None:
        self._report(self._failure_report(failure))

    def _failure_report(self, failure: Failure) -> RespondActivityTaskFailed:
        task, entry = self.task, self.entry
        return RespondActivityTaskFailed(
            task.run_id,
            task.scheduled_event_id,
            task.attempt,
            self.started_us,
            failure,
            self._owner.link.identity,
            entry.stream,
            entry.entry_id,
            self._last_heartbeat(),
        )

    def _report(self, request: Any, parcel: Parcel | None = None) -> None:
        if self._is_over:
            return
        self._end()
        self._owner.unanswered[self.key] = self
        if parcel is None:
            self._owner.link.post(self.task.shard_id, request, self._reported)
        else:
            self._owner.link.post_parcel(self.task.shard_id, self.task.run_id, request, self._reported, parcel)

    def _end(self) -> None:
        self._is_over = True
        self.stop_now = self.kill_now = None  # ends a cycle of references, by way of the task and its context
        if self._heartbeats is not None:
            self._heartbeats.end()
        self._owner.attempt_ended(self)

    def _reported(self, kind: int, body: Any) -> None:
        entry, link = self.entry, self._owner.link
        if kind != ReplyKind.ERROR:
            self._owner.unanswered.pop(self.key, None)
            link.leases.release(entry.stream, entry.entry_id)
        elif self._is_refused or (refusal := link.refusal(body)) is None:
            self._owner.unanswered.pop(self.key, None)
            link.drop(entry)  # somebody else has it, or nobody wants it
        else:
            self._is_refused = True
            failure = Failure.of(refusal, ApplicationInfo("RefusedReport"), source="PythonSDK")
            link.post(self.task.shard_id, self._failure_report(failure), self._reported)

    # While it runs ---------------------------------------------------------------------------------------------------
    def started_request(self) -> RecordActivityTaskStarted:
        """Tells the engine that this attempt runs here. The sender in place of the identity: pushes are sent there."""
        self._is_reported = True
        self.note_start()  # a repeated report is known by its time
        return RecordActivityTaskStarted(*self.key, self.started_us, self._owner.link.transport.sender)

    def ask_if_wanted(self) -> None:
        """Its lease is in doubt. If the engine still wants the attempt, it goes on, and is held by name."""
        self._owner.link.post(self.task.shard_id, self.started_request(), self._wanted)

    def _wanted(self, kind: int, body: Any) -> None:
        self.directed(kind, body)
        if self.stop_reason is not StopReason.NOT_WANTED:
            self._owner.link.leases.doubt(self.entry.stream, self.entry.entry_id)

    def _report_started(self) -> None:
        if self._is_over:
            return
        self._owner.link.post(self.task.shard_id, self.started_request(), self.directed)
        timeout_ms = self.task.start_to_close_timeout_ms
        if timeout_ms > _SHORT_TIMEOUT_MS:
            left_us = self.started_us + timeout_ms * 1000 - self._owner.link.environment.now_us()
            self._owner.deadlines.after(max(left_us, 0) / 1_000_000, self._timed_out)

    def directed(self, kind: int, body: Any) -> None:
        """The engine said what it wants of this attempt."""
        if kind == ReplyKind.ERROR:
            self.stop(StopReason.NOT_WANTED)
            return
        directive = decode_activity_directive(body)
        if not directive.current:
            self.stop(StopReason.NOT_WANTED)
        elif directive.cancel_requested:
            self.stop(StopReason.CANCEL_REQUESTED)
        elif directive.reset or directive.paused:
            self.interrupt(StopReason.RESET if directive.reset else StopReason.PAUSED)

    def interrupt(self, reason: StopReason) -> None:
        """The activity was paused or reset. An attempt that sends heartbeats is stopped: it can go on where it was.
        Any other one is left to end by itself, unless it looks whether it is to stop."""
        if self._is_over or self.stop_reason is not None:
            return
        if self._heartbeats is not None:
            self.stop(reason)
        elif self.interruption is None:
            self.interruption = reason
            self.show_stop(reason)

    def heartbeat(self, details: tuple[Any, ...]) -> None:
        """The activity said that it is alive. From any thread."""
        owner = self._owner
        if self._heartbeats is None:
            timeout_s = self.task.heartbeat_timeout_ms / 1000
            interval_s = timeout_s * SEND_PART if timeout_s else owner.default_heartbeat_interval_s
            interval_s = min(interval_s, owner.max_heartbeat_interval_s)
            if not self.task.workflow_id:
                interval_s = min(interval_s, PROGRESS_INTERVAL_S)
            self._heartbeats = Heartbeats(owner.link.loop, owner.deadlines, interval_s, self._send_heartbeat)
        self._heartbeats.beat(details, owner.loop_thread)

    def _send_heartbeat(self, details: tuple[Any, ...]) -> None:
        task, link = self.task, self._owner.link
        request = RecordActivityTaskHeartbeat(
            task.run_id, task.scheduled_event_id, task.attempt, self._encode_details(details), link.identity
        )
        link.post(task.shard_id, request, self.directed)

    def _send_unsent_heartbeat(self) -> None:
        unsent = None if self._heartbeats is None else self._heartbeats.unsent
        if unsent is not None:
            self._send_heartbeat(unsent)

    def _last_heartbeat(self) -> bytes:
        unsent = None if self._heartbeats is None else self._heartbeats.unsent
        return b"" if unsent is None else self._encode_details(unsent)

    def _encode_details(self, details: tuple[Any, ...]) -> bytes:
        """A heartbeat without details takes back those of the one before."""
        try:
            return self._owner.link.converter.to_bytes(details) or NO_VALUES
        except (TypeError, ValueError, ApplicationError) as error:
            logger.error("Details of activity %r are dropped: %s", self.task.activity_type, error)
            return b""


PROGRESS_INTERVAL_S = 1.0
"""Seconds between two heartbeats of an activity without a workflow at the most: who has its handle may watch them."""

SOFT_TIME_LIMIT = "SoftTimeLimitExceeded"
"""The type of the failure by which an attempt ends that its soft time limit stopped."""

_SHORT_TIMEOUT_MS = 100
"""Start-to-close timeouts up to this are watched from the start, longer ones from the report that it started."""

_NOTHING: dict[bytes, int] = {}
"""What most attempts know of content; never changed."""
