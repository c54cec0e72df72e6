"""How records change what a run knows of its activities: a part of the fold.

The table says from which phase an activity may take which record; a missing row is a `Bug`.
"""

from __future__ import annotations

from collections.abc import Callable

from perdure.protocol.events import EventType, HistoryEvent
from perdure_engine.core.deadline import is_waiting
from perdure_engine.core.state import ActivityPhase, ActivityState, Bug, MutableState

ACTIVITY_TRANSITIONS: dict[tuple[ActivityPhase, EventType], ActivityPhase | None] = {
    (ActivityPhase.SCHEDULED, EventType.ACTIVITY_ATTEMPT_STARTED): ActivityPhase.STARTED,
    (ActivityPhase.CANCEL_REQUESTED, EventType.ACTIVITY_ATTEMPT_STARTED): ActivityPhase.CANCEL_REQUESTED,
    (ActivityPhase.SCHEDULED, EventType.ACTIVITY_ATTEMPT_DETACHED): ActivityPhase.STARTED,
    (ActivityPhase.STARTED, EventType.ACTIVITY_ATTEMPT_DETACHED): ActivityPhase.STARTED,
    (ActivityPhase.CANCEL_REQUESTED, EventType.ACTIVITY_ATTEMPT_DETACHED): ActivityPhase.CANCEL_REQUESTED,
    (ActivityPhase.SCHEDULED, EventType.ACTIVITY_ATTEMPT_FAILED): ActivityPhase.SCHEDULED,
    (ActivityPhase.STARTED, EventType.ACTIVITY_ATTEMPT_FAILED): ActivityPhase.SCHEDULED,
    (ActivityPhase.SCHEDULED, EventType.ACTIVITY_PAUSED): ActivityPhase.SCHEDULED,
    (ActivityPhase.STARTED, EventType.ACTIVITY_PAUSED): ActivityPhase.STARTED,
    (ActivityPhase.SCHEDULED, EventType.ACTIVITY_UNPAUSED): ActivityPhase.SCHEDULED,
    (ActivityPhase.STARTED, EventType.ACTIVITY_UNPAUSED): ActivityPhase.STARTED,
    (ActivityPhase.SCHEDULED, EventType.ACTIVITY_RESET): ActivityPhase.SCHEDULED,
    (ActivityPhase.STARTED, EventType.ACTIVITY_RESET): ActivityPhase.STARTED,
    (ActivityPhase.SCHEDULED, EventType.ACTIVITY_TASK_CANCEL_REQUESTED): ActivityPhase.CANCEL_REQUESTED,
    (ActivityPhase.STARTED, EventType.ACTIVITY_TASK_CANCEL_REQUESTED): ActivityPhase.CANCEL_REQUESTED,
    (ActivityPhase.RESOLVED, EventType.ACTIVITY_TASK_CANCEL_REQUESTED): ActivityPhase.RESOLVED,
    (ActivityPhase.SCHEDULED, EventType.EVENT_BUFFERED): ActivityPhase.RESOLVED,
    (ActivityPhase.STARTED, EventType.EVENT_BUFFERED): ActivityPhase.RESOLVED,
    (ActivityPhase.CANCEL_REQUESTED, EventType.EVENT_BUFFERED): ActivityPhase.RESOLVED,
    (ActivityPhase.SCHEDULED, EventType.ACTIVITY_TASK_STARTED): ActivityPhase.RESOLVED,
    (ActivityPhase.STARTED, EventType.ACTIVITY_TASK_STARTED): ActivityPhase.RESOLVED,
    (ActivityPhase.CANCEL_REQUESTED, EventType.ACTIVITY_TASK_STARTED): ActivityPhase.RESOLVED,
    (ActivityPhase.RESOLVED, EventType.ACTIVITY_TASK_STARTED): ActivityPhase.RESOLVED,
    (ActivityPhase.RESOLVED, EventType.ACTIVITY_TASK_COMPLETED): None,
    (ActivityPhase.RESOLVED, EventType.ACTIVITY_TASK_FAILED): None,
    (ActivityPhase.RESOLVED, EventType.ACTIVITY_TASK_TIMED_OUT): None,
    (ActivityPhase.SCHEDULED, EventType.ACTIVITY_TASK_TIMED_OUT): None,
    (ActivityPhase.CANCEL_REQUESTED, EventType.ACTIVITY_TASK_TIMED_OUT): None,
    (ActivityPhase.RESOLVED, EventType.ACTIVITY_TASK_CANCELED): None,
    (ActivityPhase.CANCEL_REQUESTED, EventType.ACTIVITY_TASK_CANCELED): None,
}
"""Phase and record to the next phase; None: the activity is no longer pending. A missing row is a `Bug`."""


def _activity_scheduled(state: MutableState, record: HistoryEvent) -> None:
    attributes = record.attributes
    state.activities[record.event_id] = ActivityState(
        record.event_id, record.time_us, attributes, attempt_scheduled_time_us=record.time_us
    )
    state.activity_ids[attributes.activity_id] = record.event_id


def step_activity(state: MutableState, scheduled_event_id: int, event_type: int) -> ActivityState:
    activity = state.activities.get(scheduled_event_id)
    if activity is None:
        raise Bug(
            f"run {state.run_id}: event type {event_type} for activity {scheduled_event_id}, which is not pending"
        )
    try:
        phase = ACTIVITY_TRANSITIONS[activity.phase, event_type]  # type: ignore[index]  # an int equals its EventType
    except KeyError:
        raise Bug(
            f"run {state.run_id}: activity {scheduled_event_id} in {activity.phase!r} takes no {event_type}"
        ) from None
    if phase is None:
        del state.activities[scheduled_event_id]
        del state.activity_ids[activity.attributes.activity_id]
    else:
        activity.phase = phase
    return activity


def _activity_changed(state: MutableState, record: HistoryEvent) -> None:
    step_activity(state, record.attributes.scheduled_event_id, record.event_type)


def _activity_cancel_requested(state: MutableState, record: HistoryEvent) -> None:
    activity = step_activity(state, record.attributes.scheduled_event_id, record.event_type)
    activity.cancel_requested_event_id = record.event_id


def _activity_attempt_started(state: MutableState, record: HistoryEvent) -> None:
    report = record.attributes
    activity = step_activity(state, report.scheduled_event_id, record.event_type)
    activity.started_time_us = report.started_time_us
    activity.said_time_us = report.said_time_us
    activity.reported_time_us = record.time_us
    activity.worker = report.identity


def _activity_attempt_detached(state: MutableState, record: HistoryEvent) -> None:
    activity = step_activity(state, record.attributes.scheduled_event_id, record.event_type)
    if not activity.reported_time_us:
        activity.started_time_us = record.attributes.started_time_us
        activity.reported_time_us = record.time_us
    activity.worker = ""
    activity.is_detached = True


def _activity_attempt_failed(state: MutableState, record: HistoryEvent) -> None:
    report = record.attributes
    activity = step_activity(state, report.scheduled_event_id, record.event_type)
    activity.attempt = report.attempt + 1
    activity.attempt_scheduled_time_us = report.next_attempt_time_us
    activity.last_failure = report.failure
    end_attempt(activity)
    activity.is_parked = activity.is_paused
    if report.attempt_base:
        activity.attempt_base = report.attempt_base
    if activity.forgets_heartbeat:
        activity.heartbeat_details = b""
        activity.forgets_heartbeat = False
    else:  # none, too: a snapshot may hold those of an earlier heartbeat
        activity.heartbeat_details = report.heartbeat_details


# What operators do --------------------------------------------------------------------------------------------------


def _changed(state: MutableState, record: HistoryEvent) -> ActivityState:
    """A repeated request is known by its id."""
    change = record.attributes
    state.request_ids[change.request_id] = 1
    return step_activity(state, change.scheduled_event_id, record.event_type)


def _activity_paused(state: MutableState, record: HistoryEvent) -> None:
    activity = _changed(state, record)
    activity.is_paused = True
    if is_waiting(activity, record.time_us):
        activity.is_parked = True
    else:
        activity.is_interrupted = True


def _go_on(activity: ActivityState, record: HistoryEvent, attempt_base: int) -> None:
    change = record.attributes
    if change.reset_heartbeat and is_waiting(activity, record.time_us):
        activity.heartbeat_details = b""
    elif change.reset_heartbeat:
        activity.forgets_heartbeat = True
    if change.start_time_us:
        activity.attempt_scheduled_time_us = change.start_time_us
    activity.attempt_base = attempt_base


def _activity_unpaused(state: MutableState, record: HistoryEvent) -> None:
    activity = _changed(state, record)
    base = activity.attempt - 1 if record.attributes.reset_attempts else activity.attempt_base
    _go_on(activity, record, base)
    activity.is_paused = activity.is_parked = False


def _activity_reset(state: MutableState, record: HistoryEvent) -> None:
    activity = _changed(state, record)
    activity.scheduled_time_us = record.time_us
    activity.is_reset = activity.phase == ActivityPhase.STARTED
    activity.is_interrupted |= activity.is_reset  # an attempt that learned of a pause before may still end by it
    _go_on(activity, record, activity.attempt if activity.is_reset else activity.attempt - 1)
    if not record.attributes.keep_paused:
        activity.is_paused = activity.is_parked = False


ACTIVITY_RULES: dict[int, Callable[[MutableState, HistoryEvent], None]] = {
    EventType.ACTIVITY_TASK_SCHEDULED: _activity_scheduled,
    EventType.ACTIVITY_TASK_STARTED: _activity_changed,
    EventType.ACTIVITY_TASK_COMPLETED: _activity_changed,
    EventType.ACTIVITY_TASK_FAILED: _activity_changed,
    EventType.ACTIVITY_TASK_TIMED_OUT: _activity_changed,
    EventType.ACTIVITY_TASK_CANCELED: _activity_changed,
    EventType.ACTIVITY_TASK_CANCEL_REQUESTED: _activity_cancel_requested,
    EventType.ACTIVITY_ATTEMPT_STARTED: _activity_attempt_started,
    EventType.ACTIVITY_ATTEMPT_DETACHED: _activity_attempt_detached,
    EventType.ACTIVITY_ATTEMPT_FAILED: _activity_attempt_failed,
    EventType.ACTIVITY_PAUSED: _activity_paused,
    EventType.ACTIVITY_UNPAUSED: _activity_unpaused,
    EventType.ACTIVITY_RESET: _activity_reset,
}
"""What each type of record does to an activity: a part of `fold.RULES`."""


def begin_anew(activity: ActivityState, now_us: int) -> None:
    """The run was reset, and nothing runs yet: what was paused stays so."""
    activity.scheduled_time_us = activity.attempt_scheduled_time_us = now_us
    end_attempt(activity)
    activity.is_parked = activity.is_paused
    if activity.phase == ActivityPhase.STARTED:
        activity.phase = ActivityPhase.SCHEDULED


def end_attempt(activity: ActivityState) -> None:
    """No attempt is out."""
    activity.started_time_us = activity.reported_time_us = activity.said_time_us = 0
    activity.heartbeat_time_us = activity.heartbeat_check_us = 0
    activity.worker = ""
    activity.is_detached = activity.is_interrupted = activity.is_reset = False
