"""The deadlines of an activity: when each is due, and the timers that are set and cleared for them.

    schedule-to-close   from Scheduled to the outcome, over all attempts
    schedule-to-start   from the dispatch of an attempt until it is known to run
    start-to-close      from the report that an attempt runs, until its end
    heartbeat           the same span; each check that finds a heartbeat sets the next
    retry               while the next attempt waits for its backoff

Rules: a timer is cleared by the same arithmetic that set it, so what these functions read of an activity must not
change while its timer is set. What a due timer does is in `activity_timeout.py`.
"""

from __future__ import annotations

from perdure_engine.core.state import ActivityState
from perdure_engine.core.transition import ClearTimer, SetTimer, TimerKind, Transition

START_REPORT_GRACE_MS = 500
"""A worker reports a start only after 100 ms of running, and sends reports together: for so long an attempt may have
started in time without its being known here."""


def is_waiting(activity: ActivityState, now_us: int) -> bool:
    """Whether there is no task: the attempt waits for its backoff (there is a retry timer), or to be unpaused."""
    return activity.attempt_scheduled_time_us > now_us or activity.is_parked


def schedule_to_close_at_us(activity: ActivityState) -> int:
    return activity.scheduled_time_us + activity.attributes.schedule_to_close_timeout_ms * 1000


def schedule_to_start_at_us(activity: ActivityState) -> int:
    timeout_ms = activity.attributes.schedule_to_start_timeout_ms + START_REPORT_GRACE_MS
    return activity.attempt_scheduled_time_us + timeout_ms * 1000


def _start_to_close_at_us(activity: ActivityState) -> int:
    return activity.reported_time_us + activity.attributes.start_to_close_timeout_ms * 1000


def watch_scheduled(activity: ActivityState, transition: Transition) -> None:
    """The activity was scheduled."""
    if activity.attributes.schedule_to_close_timeout_ms:
        _set(activity, schedule_to_close_at_us(activity), TimerKind.ACTIVITY_SCHEDULE_TO_CLOSE, transition, attempt=0)


def watch_dispatched(activity: ActivityState, transition: Transition) -> None:
    """An attempt was dispatched."""
    if activity.attributes.schedule_to_start_timeout_ms:
        _set(activity, schedule_to_start_at_us(activity), TimerKind.ACTIVITY_SCHEDULE_TO_START, transition)


def watch_started(activity: ActivityState, now_us: int, transition: Transition) -> None:
    """An attempt was reported to run."""
    _clear_schedule_to_start(activity, transition)
    if activity.attributes.start_to_close_timeout_ms:
        _set(activity, _start_to_close_at_us(activity), TimerKind.ACTIVITY_START_TO_CLOSE, transition)
    if activity.attributes.heartbeat_timeout_ms:
        watch_heartbeat(activity, now_us, transition)


def watch_heartbeat(activity: ActivityState, heard_us: int, transition: Transition) -> None:
    """The attempt showed life at `heard_us`."""
    activity.heartbeat_check_us = heard_us + activity.attributes.heartbeat_timeout_ms * 1000
    _set(activity, activity.heartbeat_check_us, TimerKind.ACTIVITY_HEARTBEAT, transition)


def watch_backoff(activity: ActivityState, transition: Transition) -> None:
    """The attempt waits for its backoff."""
    _set(activity, activity.attempt_scheduled_time_us, TimerKind.ACTIVITY_RETRY, transition)


def clear_attempt(activity: ActivityState, transition: Transition) -> None:
    """The attempt, which was dispatched, is over."""
    if not activity.reported_time_us:
        _clear_schedule_to_start(activity, transition)
        return
    if activity.attributes.start_to_close_timeout_ms:
        _clear(activity, _start_to_close_at_us(activity), TimerKind.ACTIVITY_START_TO_CLOSE, transition)
    if activity.attributes.heartbeat_timeout_ms:
        # After a reload the check is not known. It is the first one, or its timer comes due and finds the attempt gone.
        first_us = activity.reported_time_us + activity.attributes.heartbeat_timeout_ms * 1000
        _clear(activity, activity.heartbeat_check_us or first_us, TimerKind.ACTIVITY_HEARTBEAT, transition)


def clear_all(activity: ActivityState, now_us: int, transition: Transition) -> None:
    """The activity is over."""
    if is_waiting(activity, now_us):
        clear_backoff(activity, transition)
    else:
        clear_attempt(activity, transition)
    clear_scheduled(activity, transition)


def clear_scheduled(activity: ActivityState, transition: Transition) -> None:
    """The activity is over, or begins anew."""
    if activity.attributes.schedule_to_close_timeout_ms:
        _clear(activity, schedule_to_close_at_us(activity), TimerKind.ACTIVITY_SCHEDULE_TO_CLOSE, transition)


def clear_backoff(activity: ActivityState, transition: Transition) -> None:
    """The attempt, which waits, is not to begin when its backoff is over."""
    if not activity.is_parked:
        _clear(activity, activity.attempt_scheduled_time_us, TimerKind.ACTIVITY_RETRY, transition)


def _clear_schedule_to_start(activity: ActivityState, transition: Transition) -> None:
    if activity.attributes.schedule_to_start_timeout_ms:
        _clear(activity, schedule_to_start_at_us(activity), TimerKind.ACTIVITY_SCHEDULE_TO_START, transition)


def _set(
    activity: ActivityState, at_us: int, kind: TimerKind, transition: Transition, *, attempt: int | None = None
) -> None:
    attempt = activity.attempt if attempt is None else attempt
    transition.effects.append(SetTimer(at_us, kind, activity.scheduled_event_id, attempt))


def _clear(activity: ActivityState, at_us: int, kind: TimerKind, transition: Transition) -> None:
    transition.effects.append(ClearTimer(at_us, kind, activity.scheduled_event_id))
