"""Pausing, unpausing and resetting activities, which operators do.

A paused activity begins no attempt. One whose attempt is out is asked to end it, and can finish it instead: an entry
that is published cannot be taken back. A reset activity counts its attempts anew. Attempts keep their numbers, since
these tell an old worker from a new one: what no longer counts is `attempt_base`.
"""

from __future__ import annotations

from perdure.protocol.events import ActivityPaused, ActivityReset, ActivityUnpaused
from perdure.protocol.ids import text_problem
from perdure.protocol.replies import CancelActivity, ErrorCode
from perdure.protocol.requests import ActivityChange, ChangeActivity
from perdure_engine.core import attempt, deadline
from perdure_engine.core.ledger import annotate
from perdure_engine.core.limits import duration_problem
from perdure_engine.core.state import ActivityPhase, ActivityState, MutableState
from perdure_engine.core.transition import Push, Remember, Transition

_CHANGEABLE = (ActivityPhase.SCHEDULED, ActivityPhase.STARTED)


def change(state: MutableState, request: ChangeActivity, now_us: int, transition: Transition) -> None:
    """Do what is asked to the activities that are meant; a repeated request is answered like the first."""
    if request.request_id in state.request_ids:
        transition.answer()
        return
    problem = _problem(request)
    if problem is not None:
        transition.refuse(ErrorCode.INVALID_ARGUMENT, problem)
        return
    meant = _meant(state, request)
    if not meant:
        transition.refuse(*_why_none(state, request))
        return
    transition.answer()
    transition.effects.append(Remember(request.request_id))
    for activity in meant:
        if request.change == ActivityChange.PAUSE:
            _pause(state, activity, request, now_us, transition)
        elif request.change == ActivityChange.RESET:
            _reset(state, activity, request, now_us, transition)
        elif activity.is_paused:
            _unpause(state, activity, request, now_us, transition)


def _problem(request: ChangeActivity) -> str | None:
    """What is wrong with the request, or None."""
    if request.change not in tuple(ActivityChange):
        return f"an activity takes no change of the kind {request.change}"
    if bool(request.activity_id) == bool(request.activity_type):
        return "say which activity is meant by its id, or which ones by their type: one of the two"
    return (
        text_problem("request id", request.request_id)
        or text_problem("the name of the activity", request.activity_id or request.activity_type)
        or (text_problem("the reason", request.reason) if request.reason else None)
        or duration_problem("the delay", request.delay_ms)
    )


def _meant(state: MutableState, request: ChangeActivity) -> list[ActivityState]:
    """The activities that the request means, and that can be changed."""
    if request.activity_id:
        activity = state.activities.get(state.activity_ids.get(request.activity_id, 0))
        found = [] if activity is None else [activity]
    else:
        found = [item for item in state.activities.values() if item.attributes.activity_type == request.activity_type]
    return [activity for activity in found if activity.phase in _CHANGEABLE]


def _why_none(state: MutableState, request: ChangeActivity) -> tuple[ErrorCode, str]:
    if not request.activity_id:
        kind = request.activity_type
        return ErrorCode.NOT_FOUND, f"no activity of the type {kind!r} is pending in run {state.run_id}"
    name = f"activity {request.activity_id!r}"
    activity = state.activities.get(state.activity_ids.get(request.activity_id, 0))
    if activity is not None and activity.phase == ActivityPhase.CANCEL_REQUESTED:
        return ErrorCode.FAILED_PRECONDITION, f"{name} was asked to stop, and begins no further attempt"
    return ErrorCode.NOT_FOUND, f"{name} is not pending in run {state.run_id}"


def _pause(
    state: MutableState, activity: ActivityState, request: ChangeActivity, now_us: int, transition: Transition
) -> None:
    if deadline.is_waiting(activity, now_us):
        deadline.clear_backoff(activity, transition)
    event_id = activity.scheduled_event_id
    who = (event_id, activity.attempt, request.identity, request.reason, request.request_id)
    annotate(state, transition, now_us, ActivityPaused(*who))
    _tell(state, activity, transition)


def _unpause(
    state: MutableState, activity: ActivityState, request: ChangeActivity, now_us: int, transition: Transition
) -> None:
    waits = deadline.is_waiting(activity, now_us)
    start_us = now_us + request.delay_ms * 1000 if waits else 0
    event_id = activity.scheduled_event_id
    who = (event_id, activity.attempt, request.identity, request.reason, request.request_id)
    annotate(
        state, transition, now_us, ActivityUnpaused(*who, start_us, request.reset_attempts, request.reset_heartbeat)
    )
    if waits:
        attempt.begin(state, activity, request.delay_ms, transition)


def _reset(
    state: MutableState, activity: ActivityState, request: ChangeActivity, now_us: int, transition: Transition
) -> None:
    stays_paused = activity.is_paused and request.keep_paused
    begins = deadline.is_waiting(activity, now_us) and not stays_paused
    if begins:
        deadline.clear_backoff(activity, transition)
    deadline.clear_scheduled(activity, transition)
    start_us = now_us + request.delay_ms * 1000 if begins else 0
    event_id = activity.scheduled_event_id
    who = (event_id, activity.attempt, request.identity, request.reason, request.request_id)
    annotate(state, transition, now_us, ActivityReset(*who, start_us, request.reset_heartbeat, request.keep_paused))
    deadline.watch_scheduled(activity, transition)
    if begins:
        attempt.begin(state, activity, request.delay_ms, transition)
    else:
        _tell(state, activity, transition)


def _tell(state: MutableState, activity: ActivityState, transition: Transition) -> None:
    """Let the worker that runs the attempt know, if one is known."""
    if activity.worker:
        message = CancelActivity(
            state.run_id, activity.scheduled_event_id, activity.attempt, True, activity.is_paused, activity.is_reset
        )
        transition.effects.append(Push(activity.worker, message))
