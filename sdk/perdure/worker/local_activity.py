"""One local activity in the worker that holds its workflow: tried again until it ends, or has to wait for too long."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

from perdure.activity.async_completion import CompleteAsync
from perdure.activity.definition import ActivityDefinition
from perdure.activity.information import Info
from perdure.exceptions import ApplicationError, CancelledError
from perdure.execution.local_activities import LocalCall
from perdure.execution.local_marker import LocalOutcome
from perdure.protocol.failure import ApplicationInfo, CanceledInfo, Failure, RetryState, TimeoutInfo, TimeoutType
from perdure.protocol.tasks import ActivityTask
from perdure.worker.attempt import Attempt, AttemptOwner, StopReason

logger = logging.getLogger("perdure.worker")


class LocalRun(NamedTuple):
    """The run that asks for local activities."""

    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    shard_id: int
    task_queue: str


class LocalActivityOwner(AttemptOwner, Protocol):
    """What a local activity asks of the worker."""

    def room_for(self, activity: LocalActivity) -> bool:
        """Whether it may run now; if not, it is told by `begin` when it may."""

    def give_up_room(self, activity: LocalActivity) -> None: ...
    def definition_of(self, activity_type: str) -> ActivityDefinition | str:
        """The definition, or why there is none."""

    def start_attempt(self, attempt: LocalAttempt) -> None: ...


class LocalActivity:
    """See the module's docstring. `ended` is called once, with what came of it; not after `stop` because the worker
    stops or lets go of the workflow."""

    def __init__(
        self, owner: LocalActivityOwner, run: LocalRun, call: LocalCall, ended: Callable[[LocalOutcome], None]
    ) -> None:
        self._owner = owner
        self._run = run
        self._ended = ended
        self._attempt: LocalAttempt | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False
        self._is_cancelling = False
        self.call = call
        self.number = call.attempt

    # Beginning -------------------------------------------------------------------------------------------------------
    def ask_for_room(self) -> None:
        """Begin, now or as soon as there is room."""
        self._timer = None
        if self._owner.room_for(self):
            self.begin()
        elif self.call.schedule_to_start_timeout_ms:
            wait_s = self.call.schedule_to_start_timeout_ms / 1000
            self._timer = self._owner.link.loop.call_later(wait_s, self._time_out, TimeoutType.SCHEDULE_TO_START)

    def begin(self) -> None:
        """There is room."""
        self._clear_timer()
        definition = self._owner.definition_of(self.call.activity_type)
        if isinstance(definition, str):
            self._fail(Failure.of(definition, ApplicationInfo("NotFoundError"), source="PythonSDK"))
            return
        left_ms = self._left_ms()
        limit_ms = self.call.start_to_close_timeout_ms
        if left_ms is not None and (not limit_ms or left_ms < limit_ms):
            kind, limit_ms = TimeoutType.SCHEDULE_TO_CLOSE, max(left_ms, 0)
        else:
            kind = TimeoutType.START_TO_CLOSE
        self._timer = self._owner.link.loop.call_later(limit_ms / 1000, self._time_out, kind)
        self._attempt = LocalAttempt(self._owner, self, self._task(), definition)
        self._owner.start_attempt(self._attempt)

    def _task(self) -> ActivityTask:
        call, run = self.call, self._run
        now_us = self._owner.link.environment.now_us()
        return ActivityTask(
            namespace=run.namespace,
            workflow_id=run.workflow_id,
            run_id=run.run_id,
            workflow_type=run.workflow_type,
            shard_id=run.shard_id,
            scheduled_event_id=0,
            attempt=self.number,
            activity_id=call.activity_id,
            activity_type=call.activity_type,
            input=call.input,
            inline=True,
            headers=call.headers,
            heartbeat_details=b"",
            scheduled_time_us=call.first_asked_us,
            current_attempt_scheduled_time_us=now_us,
            schedule_to_close_timeout_ms=call.schedule_to_close_timeout_ms,
            start_to_close_timeout_ms=call.start_to_close_timeout_ms,
            heartbeat_timeout_ms=0,
            report_start=False,
            task_queue=run.task_queue,
        )

    def _left_ms(self) -> int | None:
        """Milliseconds that are left of the time for all attempts; None if that is not limited."""
        limit_ms = self.call.schedule_to_close_timeout_ms
        if not limit_ms:
            return None
        return limit_ms - (self._owner.link.environment.now_us() - self.call.first_asked_us) // 1000

    # Ending ----------------------------------------------------------------------------------------------------------
    def completed(self, attempt: LocalAttempt, result: bytes) -> None:
        if attempt is self._attempt:
            self._end(self._outcome()._replace(result=result))

    def failed(self, attempt: LocalAttempt, failure: Failure) -> None:
        if attempt is self._attempt:
            self._fail(failure)

    def _time_out(self, kind: TimeoutType) -> None:
        """It is over, whether or not its code stops."""
        self._timer = None
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.stop(StopReason.TIMED_OUT)
        words = kind.name.lower().replace("_", "-")
        self._fail(Failure.of(f"activity {words} timeout", TimeoutInfo(kind), source="PythonSDK"))

    def _fail(self, failure: Failure) -> None:
        self._leave()
        delay_ms, retry_state = self._verdict(failure)
        if retry_state != RetryState.IN_PROGRESS:
            self._end(self._outcome()._replace(failure=failure, retry_state=retry_state))
        elif delay_ms > self.call.local_retry_threshold_ms:
            self._end(self._outcome()._replace(failure=failure, backoff_ms=delay_ms))
        else:
            self.number += 1
            self._timer = self._owner.link.loop.call_later(delay_ms / 1000, self.ask_for_room)

    def _verdict(self, failure: Failure) -> tuple[int, RetryState]:
        """How long to wait before another attempt, and whether there is one."""
        policy, info = self.call.retry_policy, failure.info
        if self._is_cancelling:
            return 0, RetryState.CANCEL_REQUESTED
        if isinstance(info, ApplicationInfo) and (info.non_retryable or info.type in policy.non_retryable_error_types):
            return 0, RetryState.NON_RETRYABLE_FAILURE
        if isinstance(info, TimeoutInfo) and info.timeout_type != TimeoutType.START_TO_CLOSE:
            return 0, RetryState.TIMEOUT
        if policy.maximum_attempts and self.number >= policy.maximum_attempts:
            return 0, RetryState.MAXIMUM_ATTEMPTS_REACHED
        wanted_ms = info.next_retry_delay_ms if isinstance(info, ApplicationInfo) else 0
        delay_ms = wanted_ms or policy.backoff_ms(self.number)
        left_ms = self._left_ms()
        if left_ms is not None and delay_ms >= left_ms:
            return 0, RetryState.TIMEOUT
        return delay_ms, RetryState.IN_PROGRESS

    def _outcome(self) -> LocalOutcome:
        call = self.call
        return LocalOutcome(call.number, call.activity_id, call.activity_type, self.number)

    def _end(self, outcome: LocalOutcome) -> None:
        if not self._is_over:
            self._leave()
            self._is_over = True
            self._ended(outcome)

    def _leave(self) -> None:
        self._clear_timer()
        self._attempt = None
        self._owner.give_up_room(self)

    def _clear_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Stopping --------------------------------------------------------------------------------------------------------
    def cancel(self) -> None:
        """Its workflow asked it to stop, and waits until it has."""
        if self._is_cancelling or self._is_over:
            return
        self._is_cancelling = True
        if self._attempt is not None:
            self._attempt.stop(StopReason.CANCEL_REQUESTED)
        else:
            self._fail(Failure.of("Cancelled", CanceledInfo(), source="PythonSDK"))

    def stop(self, reason: StopReason) -> None:
        """Nobody waits for it any more."""
        attempt = self._attempt
        self._is_over = True
        self._leave()
        if attempt is not None:
            attempt.stop(reason)


class LocalAttempt(Attempt):
    """One attempt of a local activity."""

    __slots__ = ("_activity",)

    def __init__(
        self, owner: AttemptOwner, activity: LocalActivity, task: ActivityTask, definition: ActivityDefinition
    ) -> None:
        super().__init__(owner, task, definition)
        self._activity = activity

    def begin(self) -> None:
        self.note_start()

    def completed(self, data: bytes) -> None:
        if self._over():
            self._activity.completed(self, data)

    def failed(self, error: BaseException) -> None:
        if not self._over():
            return
        if isinstance(error, asyncio.CancelledError | CancelledError) and self.stop_reason is not None:
            details = getattr(error, "details", ())
            data = self._owner.link.converter.to_bytes(details) if details else b""
            failure = Failure.of("Cancelled", CanceledInfo(data), source="PythonSDK")
        elif isinstance(error, CompleteAsync):
            failure = self._owner.link.converter.to_failure(
                ApplicationError(
                    "a local activity cannot be completed from elsewhere; call it by workflow.execute_activity",
                    type="CompleteAsync",
                    non_retryable=True,
                )
            )
        else:
            failure = self._owner.link.converter.to_failure(error)
            logger.warning(
                "Local activity %r (id %r) of workflow %r failed in attempt %d: %s: %s",
                self.task.activity_type,
                self.task.activity_id,
                self.task.workflow_id,
                self.task.attempt,
                type(error).__name__,
                failure.message,
            )
        self._activity.failed(self, failure)

    def _over(self) -> bool:
        """The first end counts."""
        is_first = not self._is_over
        self._is_over = True
        self.stop_now = self.kill_now = None  # ends a cycle of references, by way of the task and its context
        return is_first

    def heartbeat(self, details: tuple[Any, ...]) -> None:
        """Needed by nobody: the worker that runs it is the one that waits for it."""

    def make_info(self) -> Info:
        return replace(super().make_info(), is_local=True, task_token=b"", retry_policy=None)
