"""Activities that are completed from outside of their worker.

A worker lets go of an attempt (`detach`): no lease holds it any more, its timeouts do. Whoever has its task token or
its ids reports on it (`report`), and may do so for an attempt that a worker still holds, too: the first outcome counts.
"""

from __future__ import annotations

from perdure.protocol.events import ActivityAttemptDetached
from perdure.protocol.replies import ErrorCode
from perdure.protocol.requests import (
    ActivityReport,
    RecordActivityTaskHeartbeat,
    ReportActivity,
    RespondActivityTaskDetached,
)
from perdure_engine.core import activity as activity_machine, attempt, deadline
from perdure_engine.core.activity_report import report_problem, reported_failure
from perdure_engine.core.ledger import annotate
from perdure_engine.core.state import ActivityPhase, ActivityState, MutableState
from perdure_engine.core.transition import DETACHED, KeepWorker, Remember, Transition


def detach(state: MutableState, request: RespondActivityTaskDetached, now_us: int, transition: Transition) -> None:
    """The worker lets go of the attempt, which stays out."""
    activity = attempt.current(state, request.scheduled_event_id, request.attempt, now_us)
    if activity is None:
        activity_machine.refuse_stale(state, transition, request.scheduled_event_id, request.attempt)
        return
    transition.answer()
    if activity.is_detached:
        return
    is_known = activity.reported_time_us != 0
    started_us = attempt.started_time_us(activity, request.started_time_us, now_us)
    event_id = activity.scheduled_event_id
    annotate(
        state, transition, now_us, ActivityAttemptDetached(event_id, activity.attempt, request.identity, started_us)
    )
    transition.effects.append(KeepWorker(event_id, activity.attempt, DETACHED))
    if not is_known:
        deadline.watch_started(activity, now_us, transition)


def report(state: MutableState, request: ReportActivity, now_us: int, transition: Transition) -> None:
    """Somebody says what became of an activity, or that it goes on."""
    activity = _named(state, request)
    if activity is None:
        transition.refuse(ErrorCode.NOT_FOUND, f"{_name_of(request)} is not pending in run {state.run_id}")
    elif request.report == ActivityReport.HEARTBEAT:
        beat = RecordActivityTaskHeartbeat(
            state.run_id, activity.scheduled_event_id, activity.attempt, request.data, request.identity
        )
        activity_machine.heartbeat(state, beat, now_us, transition)
    elif (problem := report_problem(activity, request, now_us)) is not None:
        transition.refuse(ErrorCode.INVALID_ARGUMENT, problem)
    else:
        transition.answer()
        transition.effects.append(Remember(request.request_id))
        _settle(state, activity, request, now_us, transition)


def _named(state: MutableState, request: ReportActivity) -> ActivityState | None:
    """The pending activity that the request means."""
    event_id = request.scheduled_event_id or state.activity_ids.get(request.activity_id, 0)
    activity = state.activities.get(event_id)
    if activity is None or activity.phase == ActivityPhase.RESOLVED:
        return None
    return activity if request.attempt in (0, activity.attempt) else None


def _name_of(request: ReportActivity) -> str:
    if request.activity_id:
        return f"an activity with the id {request.activity_id!r}"
    return f"attempt {request.attempt} of activity {request.scheduled_event_id}"


def _settle(
    state: MutableState, activity: ActivityState, request: ReportActivity, now_us: int, transition: Transition
) -> None:
    started_us = attempt.started_time_us(activity, 0, now_us)
    failure = reported_failure(activity, request)
    if failure is None:
        activity_machine.complete(state, activity, request.data, request.identity, started_us, now_us, transition)
    else:
        attempt.fail(state, activity, failure, request.identity, started_us, now_us, transition)
