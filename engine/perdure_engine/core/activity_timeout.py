"""Timeouts of an activity: what each of its timers does when it is due.

Start-to-close and heartbeat end an attempt, which may be tried again; schedule-to-start and schedule-to-close end the
activity.
"""

from __future__ import annotations

from perdure.protocol.failure import Failure, RetryState, TimeoutInfo, TimeoutType
from perdure.protocol.replies import CancelActivity
from perdure_engine.core import attempt, deadline
from perdure_engine.core.state import ActivityPhase, ActivityState, MutableState
from perdure_engine.core.transition import Push, Transition


def _current(state: MutableState, event_id: int, attempt_no: int) -> ActivityState | None:
    """The activity, if the timer is not stale: its outcome is not known, and no later attempt has begun. A timer with
    attempt 0 is one of the whole activity."""
    activity = state.activities.get(event_id)
    if activity is None or activity.phase == ActivityPhase.RESOLVED:
        return None
    return activity if attempt_no in (0, activity.attempt) else None


def end_backoff(state: MutableState, event_id: int, attempt_no: int, now_us: int, transition: Transition) -> None:
    """Dispatch the attempt that waited, unless this comes so late that it could no longer start in time."""
    activity = _current(state, event_id, attempt_no)
    if activity is None:
        return
    if activity.attributes.schedule_to_start_timeout_ms and deadline.schedule_to_start_at_us(activity) <= now_us:
        _end_activity(state, activity, TimeoutType.SCHEDULE_TO_START, now_us, transition)
    else:
        attempt.dispatch(state, activity, transition)


def time_out_start(state: MutableState, event_id: int, attempt_no: int, now_us: int, transition: Transition) -> None:
    """No worker began the attempt in time: the activity ends, since another attempt would wait in the same queue."""
    activity = _current(state, event_id, attempt_no)
    if activity is not None and not activity.reported_time_us:
        _end_activity(state, activity, TimeoutType.SCHEDULE_TO_START, now_us, transition)


def time_out_activity(state: MutableState, event_id: int, attempt_no: int, now_us: int, transition: Transition) -> None:
    """The time for all attempts together is over."""
    activity = _current(state, event_id, attempt_no)
    if activity is not None:
        _end_activity(state, activity, TimeoutType.SCHEDULE_TO_CLOSE, now_us, transition)


def time_out_attempt(state: MutableState, event_id: int, attempt_no: int, now_us: int, transition: Transition) -> None:
    """The attempt ran for too long: it failed, and may be tried again."""
    activity = _current(state, event_id, attempt_no)
    if activity is not None:
        _end_attempt(state, activity, TimeoutType.START_TO_CLOSE, now_us, transition)


def check_heartbeat(state: MutableState, event_id: int, attempt_no: int, now_us: int, transition: Transition) -> None:
    """End the attempt if there was no heartbeat in time, else set the next check. After a reload the times of earlier
    heartbeats are not known: the attempt gets one more timeout to show life."""
    activity = _current(state, event_id, attempt_no)
    if activity is None:
        return
    reloaded = activity.heartbeat_check_us == 0
    heard_us = activity.heartbeat_time_us or (now_us if reloaded else 0)
    if heard_us + activity.attributes.heartbeat_timeout_ms * 1000 > now_us:
        deadline.watch_heartbeat(activity, heard_us, transition)
    else:
        _end_attempt(state, activity, TimeoutType.HEARTBEAT, now_us, transition)


def timeout_failure(activity: ActivityState, timeout_type: TimeoutType) -> Failure:
    words = timeout_type.name.lower().replace("_", "-")
    return Failure.of(f"activity {words} timeout", TimeoutInfo(timeout_type, activity.heartbeat_details))


def _stop(state: MutableState, activity: ActivityState, transition: Transition) -> None:
    """Tell the worker that runs the attempt, if one is known, that it is no longer wanted."""
    if activity.worker:
        message = CancelActivity(state.run_id, activity.scheduled_event_id, activity.attempt, False)
        transition.effects.append(Push(activity.worker, message))


def _end_attempt(
    state: MutableState, activity: ActivityState, timeout_type: TimeoutType, now_us: int, transition: Transition
) -> None:
    _stop(state, activity, transition)
    failure = timeout_failure(activity, timeout_type)
    attempt.fail(state, activity, failure, activity.worker, activity.started_time_us, now_us, transition)


def _end_activity(
    state: MutableState, activity: ActivityState, timeout_type: TimeoutType, now_us: int, transition: Transition
) -> None:
    _stop(state, activity, transition)
    started_id = attempt.started_event_id(state) if activity.started_time_us else 0
    outcome = attempt.timed_out(activity, timeout_failure(activity, timeout_type), started_id, RetryState.TIMEOUT)
    attempt.resolve(state, activity, outcome, activity.worker, activity.started_time_us, now_us, transition)
