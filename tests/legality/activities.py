"""Activities: scheduled, attempted as often as their policy allows, and closed once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from perdure.protocol.events import (
    RESET_CAUSE,
    ActivityAttemptDetached,
    ActivityAttemptFailed,
    ActivityAttemptStarted,
    ActivityPaused,
    ActivityReset,
    ActivityTaskCanceled,
    ActivityTaskCancelRequested,
    ActivityTaskCompleted,
    ActivityTaskFailed,
    ActivityTaskScheduled,
    ActivityTaskStarted,
    ActivityTaskTimedOut,
    ActivityUnpaused,
    EventBuffered,
    HistoryEvent,
    WorkflowTaskFailed,
)
from perdure.protocol.failure import ApplicationInfo, Failure, RetryState, TimeoutInfo, TimeoutType
from perdure.protocol.retry import RetryPolicyData

_Outcome = ActivityTaskCompleted | ActivityTaskFailed | ActivityTaskTimedOut | ActivityTaskCanceled


class _Activity:
    """One pending activity, as far as its records tell."""

    def __init__(self, record: HistoryEvent) -> None:
        self.scheduled = record
        self.attributes: ActivityTaskScheduled = record.attributes
        self.attempt = 1
        self.attempt_base = 0
        self.is_paused = False
        self.is_parked = False
        self.is_interrupted = False
        self.next_attempt_us = 0
        self.is_reported = False
        self.is_detached = False
        self.is_settled = False
        self.last_failure: Failure | None = None
        self.cancel_requested_event_id = 0
        self.started: HistoryEvent | None = None

    @property
    def counted_attempt(self) -> int:
        return max(self.attempt - self.attempt_base, 1)

    def is_interrupted_by(self, failure: Failure) -> bool:
        """Whether an attempt may end by this failure without counting."""
        info = failure.info
        is_named = isinstance(info, ApplicationInfo) and info.type in ("ActivityPause", "ActivityReset")
        return self.is_interrupted and is_named

    def waits(self, now_us: int) -> bool:
        """Whether no attempt is out."""
        return self.is_parked or self.next_attempt_us > now_us

    @property
    def policy(self) -> RetryPolicyData:
        return self.attributes.retry_policy


class Activities:
    def __init__(self) -> None:
        self._pending: dict[int, _Activity] = {}
        self._open_start: HistoryEvent | None = None
        self._readers: dict[type[Any], Callable[[HistoryEvent, Any], Iterator[str]]] = {
            ActivityTaskScheduled: self._schedule,
            ActivityAttemptStarted: self._report,
            ActivityAttemptDetached: self._detach,
            ActivityAttemptFailed: self._retry,
            ActivityPaused: self._pause,
            ActivityUnpaused: self._unpause,
            ActivityReset: self._begin_anew,
            ActivityTaskCancelRequested: self._request_cancel,
            ActivityTaskStarted: self._start,
            ActivityTaskCompleted: self._close,
            ActivityTaskFailed: self._close,
            ActivityTaskTimedOut: self._close,
            ActivityTaskCanceled: self._close,
            EventBuffered: self._buffer,
            WorkflowTaskFailed: self._reset,
        }

    def take(self, record: HistoryEvent) -> Iterator[str]:
        started = self._open_start
        if started is not None and record.event_id:
            self._open_start = None
            if getattr(record.attributes, "started_event_id", 0) != started.event_id:
                yield f"it stands between the Started event {started.event_id} of an activity and what closes that"
        reader = self._readers.get(type(record.attributes))
        if reader is not None:
            yield from reader(record, record.attributes)

    def _schedule(self, record: HistoryEvent, attributes: ActivityTaskScheduled) -> Iterator[str]:
        if any(other.attributes.activity_id == attributes.activity_id for other in self._pending.values()):
            yield f"activity {attributes.activity_id!r} is pending"
        if not attributes.start_to_close_timeout_ms and not attributes.schedule_to_close_timeout_ms:
            yield "it may run for ever"
        self._pending[record.event_id] = _Activity(record)

    # Attempts ------------------------------------------------------------------------------------------------------
    def _report(self, record: HistoryEvent, report: ActivityAttemptStarted) -> Iterator[str]:
        activity = self._pending.get(report.scheduled_event_id)
        if activity is None or activity.is_settled:
            yield f"activity {report.scheduled_event_id} is over"
            return
        if report.attempt != activity.attempt or activity.is_reported or activity.is_detached:
            known = (
                "and is known to run" if activity.is_reported or activity.is_detached else "and was not known to run"
            )
            yield f"attempt {report.attempt} runs, where {activity.attempt} is out {known}"
        activity.is_reported = True

    def _detach(self, record: HistoryEvent, detached: ActivityAttemptDetached) -> Iterator[str]:
        activity = self._pending.get(detached.scheduled_event_id)
        if activity is None or activity.is_settled:
            yield f"activity {detached.scheduled_event_id} is over"
            return
        if detached.attempt != activity.attempt or activity.is_detached:
            held = "and no worker holds it" if activity.is_detached else "at its worker"
            yield f"attempt {detached.attempt} is let go of, where {activity.attempt} is out {held}"
        if detached.started_time_us > record.time_us:
            yield f"it began at {detached.started_time_us}, and was let go of at {record.time_us}"
        activity.is_detached = True

    def _retry(self, record: HistoryEvent, failed: ActivityAttemptFailed) -> Iterator[str]:
        activity = self._pending.get(failed.scheduled_event_id)
        if activity is None or activity.is_settled:
            yield f"activity {failed.scheduled_event_id} is over"
            return
        if failed.attempt != activity.attempt:
            yield f"attempt {failed.attempt} failed, where {activity.attempt} was out"
        if activity.cancel_requested_event_id:
            yield "it is tried again, and was asked to stop"
        is_interrupted = activity.is_interrupted_by(failed.failure)
        is_last = 0 < activity.policy.maximum_attempts <= activity.counted_attempt
        if is_last and not is_interrupted:
            yield f"attempt {failed.attempt} is tried again, and {activity.policy.maximum_attempts} are allowed"
        if _is_fatal(failed.failure, activity.policy):
            yield "its failure is one that is not tried again"
        delay_us = failed.next_attempt_time_us - record.time_us
        delays_us = {0} if is_interrupted else _delays_us(failed, activity)
        if delay_us not in delays_us:
            yield f"the next attempt is {delay_us} us later, not {delays_us}"
        if bool(failed.attempt_base) != is_interrupted:
            yield f"{failed.attempt_base} attempts are said not to count any more"
        activity.attempt_base = failed.attempt_base or activity.attempt_base
        activity.is_interrupted = False
        activity.is_parked = activity.is_paused
        activity.next_attempt_us = failed.next_attempt_time_us
        activity.attempt = failed.attempt + 1
        activity.is_reported = False
        activity.is_detached = False
        activity.last_failure = failed.failure

    # What operators do -----------------------------------------------------------------------------------------------
    def _changed(
        self, change: ActivityPaused | ActivityUnpaused | ActivityReset, found: list[_Activity]
    ) -> Iterator[str]:
        activity = self._pending.get(change.scheduled_event_id)
        if activity is None or activity.is_settled:
            yield f"activity {change.scheduled_event_id} is over"
            return
        if activity.cancel_requested_event_id:
            yield "it was asked to stop"
        if change.attempt != activity.attempt:
            yield f"attempt {change.attempt} is meant, where {activity.attempt} is pending"
        found.append(activity)

    def _pause(self, record: HistoryEvent, paused: ActivityPaused) -> Iterator[str]:
        found: list[_Activity] = []
        yield from self._changed(paused, found)
        for activity in found:
            activity.is_paused = True
            activity.is_parked = activity.waits(record.time_us)
            activity.is_interrupted = activity.is_interrupted or not activity.is_parked

    def _unpause(self, record: HistoryEvent, unpaused: ActivityUnpaused) -> Iterator[str]:
        found: list[_Activity] = []
        yield from self._changed(unpaused, found)
        for activity in found:
            if not activity.is_paused:
                yield "it was not paused"
            yield from _begun_again(activity, record, unpaused.start_time_us)
            activity.is_paused = activity.is_parked = False
            if unpaused.reset_attempts:
                activity.attempt_base = activity.attempt - 1

    def _begin_anew(self, record: HistoryEvent, reset: ActivityReset) -> Iterator[str]:
        found: list[_Activity] = []
        yield from self._changed(reset, found)
        for activity in found:
            runs = activity.is_reported or activity.is_detached
            yield from _begun_again(activity, record, reset.start_time_us)
            if not reset.keep_paused:
                activity.is_paused = activity.is_parked = False
            activity.is_interrupted = activity.is_interrupted or runs
            activity.attempt_base = activity.attempt if runs else activity.attempt - 1

    def _request_cancel(self, record: HistoryEvent, attributes: ActivityTaskCancelRequested) -> Iterator[str]:
        activity = self._pending.get(attributes.scheduled_event_id)
        if activity is None:
            yield f"activity {attributes.scheduled_event_id} is over"
        elif activity.cancel_requested_event_id:
            yield f"event {activity.cancel_requested_event_id} asked it to stop before"
        else:
            activity.cancel_requested_event_id = record.event_id

    def _reset(self, record: HistoryEvent, failed: WorkflowTaskFailed) -> Iterator[str]:
        """From here on the history is that of another run, in which nothing runs yet."""
        if failed.cause == RESET_CAUSE:
            for activity in self._pending.values():
                activity.is_reported = activity.is_detached = activity.is_interrupted = False
                activity.is_parked = activity.is_paused
                activity.next_attempt_us = 0
                if activity.is_settled:
                    yield f"activity {activity.scheduled.event_id} was over before the reset"

    # The outcome ---------------------------------------------------------------------------------------------------
    def _buffer(self, record: HistoryEvent, buffered: EventBuffered) -> Iterator[str]:
        outcome = buffered.attributes
        if isinstance(outcome, _Outcome):
            activity = self._pending.get(outcome.scheduled_event_id)
            if activity is None or activity.is_settled:
                yield f"activity {outcome.scheduled_event_id} is over"
            else:
                activity.is_settled = True

    def _start(self, record: HistoryEvent, started: ActivityTaskStarted) -> Iterator[str]:
        activity = self._pending.get(started.scheduled_event_id)
        self._open_start = record
        if activity is None or activity.started is not None:
            yield f"activity {started.scheduled_event_id} is over"
            return
        if started.attempt != activity.attempt:
            yield f"attempt {started.attempt} closes it, where {activity.attempt} was out"
        if started.last_failure != activity.last_failure:
            yield f"its last failure was {activity.last_failure}"
        if record.time_us < activity.scheduled.time_us:
            yield f"it began at {record.time_us}, and was scheduled at {activity.scheduled.time_us}"
        activity.started = record

    def _close(self, record: HistoryEvent, outcome: _Outcome) -> Iterator[str]:
        activity = self._pending.pop(outcome.scheduled_event_id, None)
        if activity is None:
            yield f"activity {outcome.scheduled_event_id} is over"
            return
        started_event_id = activity.started.event_id if activity.started is not None else 0
        if outcome.started_event_id != started_event_id:
            yield f"it refers to the Started event {outcome.started_event_id}, not to {started_event_id}"
        if not started_event_id and isinstance(outcome, ActivityTaskCompleted | ActivityTaskFailed):
            yield "it never began"
        if activity.started is not None and record.time_us < activity.started.time_us:
            yield f"it ended at {record.time_us}, and began at {activity.started.time_us}"
        if isinstance(outcome, ActivityTaskCanceled):
            yield from _canceled_problems(activity, outcome)
        elif isinstance(outcome, ActivityTaskFailed | ActivityTaskTimedOut):
            yield from _failed_problems(activity, outcome)


def _begun_again(activity: _Activity, record: HistoryEvent, start_time_us: int) -> Iterator[str]:
    """The pending attempt is to begin at this time; 0: it has begun, or stays paused."""
    if start_time_us and not activity.waits(record.time_us):
        yield f"attempt {activity.attempt} is out, and is to begin again"
    elif 0 < start_time_us < record.time_us:
        yield f"attempt {activity.attempt} is to begin in the past, at {start_time_us}"
    activity.next_attempt_us = start_time_us or activity.next_attempt_us


def _canceled_problems(activity: _Activity, outcome: ActivityTaskCanceled) -> Iterator[str]:
    if not activity.cancel_requested_event_id:
        yield "nobody asked it to stop"
    elif outcome.latest_cancel_requested_event_id != activity.cancel_requested_event_id:
        event_id = outcome.latest_cancel_requested_event_id
        yield f"it refers to event {event_id}, and was asked to stop by {activity.cancel_requested_event_id}"


def _failed_problems(activity: _Activity, outcome: ActivityTaskFailed | ActivityTaskTimedOut) -> Iterator[str]:
    state, policy = outcome.retry_state, activity.policy
    reasons = {
        RetryState.MAXIMUM_ATTEMPTS_REACHED: 0 < policy.maximum_attempts <= activity.counted_attempt,
        RetryState.NON_RETRYABLE_FAILURE: _is_fatal(outcome.failure, policy),
        RetryState.CANCEL_REQUESTED: activity.cancel_requested_event_id != 0,
        RetryState.TIMEOUT: _may_time_out(activity, outcome),
    }
    if not reasons.get(RetryState(state), False):
        yield f"it was not tried again for {RetryState(state).name}, which is no reason here"
    if isinstance(outcome, ActivityTaskTimedOut):
        if not isinstance(outcome.failure.info, TimeoutInfo):
            yield f"its failure is no timeout: {outcome.failure}"
        if outcome.failure.cause != activity.last_failure:
            yield f"the cause of its timeout should be {activity.last_failure}"


def _is_fatal(failure: Failure, policy: RetryPolicyData) -> bool:
    info = failure.info
    if isinstance(info, ApplicationInfo):
        return info.non_retryable or info.type in policy.non_retryable_error_types
    return bool(getattr(info, "non_retryable", False))


def _may_time_out(activity: _Activity, outcome: ActivityTaskFailed | ActivityTaskTimedOut) -> bool:
    """Whether the time of the whole activity can have run out; an attempt that failed short of it tells so, too."""
    if activity.attributes.schedule_to_close_timeout_ms:
        return True
    info = outcome.failure.info
    waited_in_vain = isinstance(info, TimeoutInfo) and info.timeout_type == TimeoutType.SCHEDULE_TO_START
    return waited_in_vain and activity.attributes.schedule_to_start_timeout_ms != 0


def _delays_us(failed: ActivityAttemptFailed, activity: _Activity) -> Collection[int]:
    """How long the next attempt may have to wait: as policy or failure say, or not at all if its worker is gone."""
    info, policy = failed.failure.info, activity.policy
    if isinstance(info, ApplicationInfo) and info.next_retry_delay_ms > 0:
        return {info.next_retry_delay_ms * 1000}
    maximum_ms = policy.maximum_interval_ms or 100 * policy.initial_interval_ms
    wait_ms = float(policy.initial_interval_ms)
    for _ in range(1, activity.counted_attempt):
        wait_ms = min(wait_ms * policy.backoff_coefficient, maximum_ms)
    longest_ms = int(min(wait_ms, maximum_ms))
    delays_us = range(int(longest_ms * (1 - policy.jitter)) * 1000, longest_ms * 1000 + 1, 1000)
    if isinstance(info, TimeoutInfo) and info.timeout_type == TimeoutType.HEARTBEAT:
        return {0, *delays_us}
    return delays_us
