"""Attempts of an activity: dispatched, failed and tried again, or the last one, which gives the outcome.

An attempt is accepted once: what a worker says counts only while its attempt is the pending one, so a worker that was
given up for lost cannot harm. Failed attempts are annotations; the outcome is two events, Started and what closed it.
"""

from __future__ import annotations

import zlib

from perdure.protocol.events import (
    ActivityAttemptFailed,
    ActivityTaskCanceled,
    ActivityTaskCompleted,
    ActivityTaskFailed,
    ActivityTaskTimedOut,
)
from perdure.protocol.failure import (
    ACTIVITY_PAUSE,
    ACTIVITY_RESET,
    ApplicationInfo,
    CanceledInfo,
    Failure,
    RetryState,
    ServerInfo,
    TimeoutInfo,
)
from perdure.protocol.retry import DEFAULT_RETRY_POLICY
from perdure.protocol.tasks import INLINE_SIZE_MAX, ActivityTask, TaskKind, encode_task
from perdure_engine.core import deadline, workflow_task
from perdure_engine.core.ledger import annotate, settle
from perdure_engine.core.limits import DURATION_MS_MAX
from perdure_engine.core.state import ActivityPhase, ActivityState, MutableState
from perdure_engine.core.transition import Dispatch, Retire, Transition

Outcome = ActivityTaskCompleted | ActivityTaskFailed | ActivityTaskTimedOut | ActivityTaskCanceled


def current(state: MutableState, scheduled_event_id: int, attempt: int, now_us: int) -> ActivityState | None:
    """The activity, if this attempt of it is out."""
    activity = state.activities.get(scheduled_event_id)
    if activity is None or activity.attempt != attempt or activity.phase == ActivityPhase.RESOLVED:
        return None
    return None if deadline.is_waiting(activity, now_us) else activity


def dispatch(state: MutableState, activity: ActivityState, transition: Transition) -> None:
    """Hand the pending attempt to its task queue."""
    attributes = activity.attributes
    deadline.watch_dispatched(activity, transition)
    data = encode_activity_task(state, activity, inline=len(attributes.input) <= INLINE_SIZE_MAX)
    transition.effects.append(
        Dispatch(
            TaskKind.ACTIVITY,
            activity.scheduled_event_id,
            activity.attempt,
            attributes.task_queue,
            attributes.priority,
            data,
            fairness=attributes.fairness,
        )
    )


def encode_activity_task(state: MutableState, activity: ActivityState, *, inline: bool) -> bytes:
    """The stream entry of the pending attempt; without `inline`, its input is left out."""
    attributes = activity.attributes
    return encode_task(
        ActivityTask(
            state.namespace,
            state.workflow_id,
            state.run_id,
            state.started.workflow_type,
            state.shard_id,
            activity.scheduled_event_id,
            activity.attempt,
            attributes.activity_id,
            attributes.activity_type,
            attributes.input if inline else b"",
            inline,
            attributes.headers,
            activity.heartbeat_details,
            activity.scheduled_time_us,
            activity.attempt_scheduled_time_us,
            attributes.schedule_to_close_timeout_ms,
            attributes.start_to_close_timeout_ms,
            attributes.heartbeat_timeout_ms,
            attributes.retry_policy.begins_once,
            attributes.task_queue,
            attributes.priority,
            None if attributes.retry_policy == DEFAULT_RETRY_POLICY else attributes.retry_policy,
            activity.attempt_base,
            fairness=attributes.fairness,
        )
    )


def started_time_us(activity: ActivityState, said_us: int, now_us: int) -> int:
    """When the attempt began: what its worker said, as far as that is possible, since its clock is not ours."""
    return activity.started_time_us or min(max(said_us, activity.attempt_scheduled_time_us), now_us)


def is_reported_by(activity: ActivityState, worker: str, said_us: int) -> bool:
    """Whether the report that is known was this one, sent again. Another time means that the attempt was begun a second
    time behind the same connection. Times are compared as they were said: on a clock that is ahead, two different ones
    look alike once they are brought down to what is possible. Reports of engines before this rule hold no such time."""
    return activity.worker == worker and activity.said_time_us in (0, said_us)


def started_event_id(state: MutableState) -> int:
    """The id that a Started event written now gets; 0 while a workflow task is out, until the buffer is flushed."""
    return state.next_event_id if state.workflow_task is None else 0


def fail(
    state: MutableState,
    activity: ActivityState,
    failure: Failure,
    identity: str,
    started_us: int,
    now_us: int,
    transition: Transition,
    *,
    at_once: bool = False,
) -> None:
    """An attempt that was out failed: another one after its backoff (none if `at_once`), or the outcome. One that ended
    because the activity was paused or reset does not count, and the next one waits for no backoff."""
    attempt_base = 0
    if is_interruption(activity, failure):
        at_once = True
        attempt_base = min(activity.attempt_base + 1, activity.attempt)
    delay_ms = 0 if at_once else retry_delay_ms(activity, failure)
    next_us = now_us + delay_ms * 1000
    verdict = retry_state(activity, failure, next_us)
    if verdict != RetryState.IN_PROGRESS:
        outcome = _outcome(state, activity, failure, identity, verdict)
        resolve(state, activity, outcome, identity, started_us, now_us, transition)
        return
    event_id = activity.scheduled_event_id
    transition.effects.append(Retire(TaskKind.ACTIVITY, event_id))
    deadline.clear_attempt(activity, transition)
    record = ActivityAttemptFailed(
        event_id, activity.attempt, failure, identity, next_us, activity.heartbeat_details, attempt_base
    )
    annotate(state, transition, now_us, record)
    begin(state, activity, delay_ms, transition)


def begin(state: MutableState, activity: ActivityState, delay_ms: int, transition: Transition) -> None:
    """Let the pending attempt begin after a delay, unless the activity is paused."""
    if activity.is_parked:
        return
    if delay_ms:
        deadline.watch_backoff(activity, transition)
    else:
        dispatch(state, activity, transition)


def retry_delay_ms(activity: ActivityState, failure: Failure) -> int:
    info = failure.info
    if isinstance(info, ApplicationInfo) and info.next_retry_delay_ms > 0:
        return min(info.next_retry_delay_ms, DURATION_MS_MAX)
    policy = activity.attributes.retry_policy
    delay_ms = policy.backoff_ms(activity.counted_attempt)
    return int(delay_ms * (1 - policy.jitter * _chance(activity))) if policy.jitter else delay_ms


def _chance(activity: ActivityState) -> float:
    """From 0 to 1, as good as random among activities and attempts, and the same when it is asked again."""
    name = f"{activity.attributes.activity_id}:{activity.scheduled_event_id}:{activity.attempt}"
    return zlib.crc32(name.encode(errors="surrogatepass")) / 2**32


def is_interruption(activity: ActivityState, failure: Failure) -> bool:
    """Whether the attempt failed because the activity was paused or reset while it was out."""
    if not activity.is_interrupted:
        return False
    info = failure.info
    return isinstance(info, ApplicationInfo) and info.type in (ACTIVITY_PAUSE, ACTIVITY_RESET)


def retry_state(activity: ActivityState, failure: Failure, next_us: int) -> RetryState:
    """Whether another attempt, which would begin at `next_us`, follows this failure, and why not."""
    policy = activity.attributes.retry_policy
    info = failure.info
    if activity.phase == ActivityPhase.CANCEL_REQUESTED:
        return RetryState.CANCEL_REQUESTED
    if isinstance(info, ApplicationInfo) and (info.non_retryable or info.type in policy.non_retryable_error_types):
        return RetryState.NON_RETRYABLE_FAILURE
    if isinstance(info, ServerInfo) and info.non_retryable:
        return RetryState.NON_RETRYABLE_FAILURE
    if policy.non_retryable_error_types and isinstance(info, TimeoutInfo) and policy.ends_by_timeout(info.timeout_type):
        return RetryState.NON_RETRYABLE_FAILURE
    is_last = policy.maximum_attempts and activity.counted_attempt >= policy.maximum_attempts
    if is_last and not is_interruption(activity, failure):
        return RetryState.MAXIMUM_ATTEMPTS_REACHED
    if activity.attributes.schedule_to_close_timeout_ms and next_us >= deadline.schedule_to_close_at_us(activity):
        return RetryState.TIMEOUT
    return RetryState.IN_PROGRESS


def _outcome(
    state: MutableState, activity: ActivityState, failure: Failure, identity: str, retry_state: RetryState
) -> Outcome:
    event_id, started_id = activity.scheduled_event_id, started_event_id(state)
    info = failure.info
    if isinstance(info, TimeoutInfo):
        return timed_out(activity, failure, started_id, retry_state)
    if retry_state == RetryState.CANCEL_REQUESTED and (
        isinstance(info, CanceledInfo) or is_interruption(activity, failure)
    ):
        details = info.details if isinstance(info, CanceledInfo) else b""
        return ActivityTaskCanceled(details, event_id, started_id, activity.cancel_requested_event_id, identity)
    return ActivityTaskFailed(failure, event_id, started_id, identity, retry_state)


def timed_out(
    activity: ActivityState, failure: Failure, started_id: int, retry_state: RetryState
) -> ActivityTaskTimedOut:
    """The outcome by a timeout. Here alone the last attempt's failure becomes its cause: if each attempt's failure
    carried the one before, they would grow without bound."""
    failure = failure._replace(cause=activity.last_failure)
    return ActivityTaskTimedOut(failure, activity.scheduled_event_id, started_id, retry_state)


def resolve(
    state: MutableState,
    activity: ActivityState,
    outcome: Outcome,
    identity: str,
    started_us: int,
    now_us: int,
    transition: Transition,
) -> None:
    """Write down the outcome, take back the task, and let the workflow know. `started_us` 0: the attempt never ran;
    else `outcome` holds the `started_event_id` of this moment."""
    event_id = activity.scheduled_event_id
    if not deadline.is_waiting(activity, now_us):
        transition.effects.append(Retire(TaskKind.ACTIVITY, event_id))
    deadline.clear_all(activity, now_us, transition)
    settle(state, transition, now_us, activity.attempt, outcome, started_us, identity)
    workflow_task.schedule(state, transition, now_us)
