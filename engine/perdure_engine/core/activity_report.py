"""What is said of an attempt of an activity: by its worker, by whoever saw that worker vanish, or from outside of it.

Role: what activities of workflows and those without one have in common: how what is said is checked, and the failure
that it is. What follows differs, and stands in `activity.py` and in `standalone/reports.py`.
"""

from __future__ import annotations

from perdure.protocol.failure import (
    ApplicationInfo,
    CanceledInfo,
    Failure,
    RetryState,
    TimeoutInfo,
    TimeoutType,
)
from perdure.protocol.ids import text_problem
from perdure.protocol.replies import ActivityDirective, ErrorCode
from perdure.protocol.requests import (
    ActivityReport,
    RecordActivityTaskHeartbeat,
    ReportActivity,
    ReportTaskLost,
    RespondActivityTaskCanceled,
    RespondActivityTaskCompleted,
    RespondActivityTaskFailed,
)
from perdure_engine.core import attempt, deadline
from perdure_engine.core.limits import bounded_failure, size_problem
from perdure_engine.core.state import ActivityPhase, ActivityState
from perdure_engine.core.transition import KeepHeartbeat, Transition

NOT_WANTED = ActivityDirective(False, False)
"""For an attempt that is over, or that nobody knows."""


def directive(activity: ActivityState) -> ActivityDirective:
    """What is wanted of the attempt that is out."""
    canceled = activity.phase == ActivityPhase.CANCEL_REQUESTED
    return ActivityDirective(True, canceled, activity.is_paused, activity.is_reset)


def heartbeat(
    activity: ActivityState, request: RecordActivityTaskHeartbeat, now_us: int, transition: Transition
) -> None:
    """The attempt that is out shows life; its details reach the next attempt, and who asks for them."""
    problem = size_problem("the heartbeat of activity", request.details, activity.attributes.activity_type)
    if problem is not None:
        transition.refuse(ErrorCode.INVALID_ARGUMENT, problem)
        return
    activity.heartbeat_details = request.details
    activity.heartbeat_time_us = now_us
    transition.effects.append(KeepHeartbeat(activity.scheduled_event_id, request.details))
    transition.answer(directive(activity))


# From the worker ----------------------------------------------------------------------------------------------------


def failure_of(
    activity: ActivityState,
    request: RespondActivityTaskCompleted | RespondActivityTaskFailed | RespondActivityTaskCanceled,
) -> Failure | None:
    """Why the attempt failed, or None. One that was cancelled by its worker without being asked to stop failed, too."""
    if isinstance(request, RespondActivityTaskCompleted):
        return _excess("the result of activity", request.result, activity)
    if isinstance(request, RespondActivityTaskFailed):
        excess = _excess("the heartbeat of activity", request.heartbeat_details, activity)
        if excess is not None:
            return excess
        activity.heartbeat_details = request.heartbeat_details or activity.heartbeat_details
        return bounded_failure(request.failure)
    excess = _excess("the details of the cancellation of activity", request.details, activity)
    return excess or Failure.of("the activity was cancelled by its worker", CanceledInfo(request.details))


def _excess(what: str, data: bytes, activity: ActivityState) -> Failure | None:
    """Data over the limit would be over it in every attempt: the activity fails."""
    problem = size_problem(what, data, activity.attributes.activity_type)
    return None if problem is None else Failure.of(problem, ApplicationInfo("PayloadTooLarge", True))


def loss_of(activity: ActivityState, request: ReportTaskLost) -> Failure | None:
    """The failure of an attempt whose worker is gone, or None. A worker that was handed the attempt beside the one that
    reported to run it may go without harm; its names begin with the reporter's if it is that one."""
    if activity.is_detached or not request.worker.startswith(activity.worker):
        return None
    return Failure.of(
        f"worker lost: {request.worker} held attempt {request.attempt} and did not renew its lease",
        TimeoutInfo(TimeoutType.HEARTBEAT, activity.heartbeat_details),
    )


# From outside -------------------------------------------------------------------------------------------------------


def report_problem(activity: ActivityState, request: ReportActivity, now_us: int) -> str | None:
    """Why this outcome cannot be taken, or None."""
    problem = text_problem("request id", request.request_id)
    if problem is not None:
        return problem
    activity_type = activity.attributes.activity_type
    if request.report == ActivityReport.COMPLETED:
        return size_problem("the result of activity", request.data, activity_type)
    if request.report == ActivityReport.CANCELED:
        if activity.phase != ActivityPhase.CANCEL_REQUESTED:
            return f"nobody asked activity {activity_type!r} to stop; complete it, or let it fail"
        return size_problem("the details of the cancellation of activity", request.data, activity_type)
    if request.report != ActivityReport.FAILED or request.failure is None:
        return f"an activity cannot be reported as {request.report}"
    is_retried = attempt.retry_state(activity, request.failure, now_us) == RetryState.IN_PROGRESS
    if is_retried and deadline.is_waiting(activity, now_us):
        return (
            f"activity {activity_type!r} waits for attempt {activity.attempt}: a failure would change nothing; "
            "complete it, or give a failure that is not tried again (non_retryable)"
        )
    return size_problem("the heartbeat of activity", request.heartbeat_details, activity_type)


def reported_failure(activity: ActivityState, request: ReportActivity) -> Failure | None:
    """Why the attempt failed, as somebody says; None if it completed."""
    if request.report == ActivityReport.COMPLETED:
        return None
    if request.failure is None:
        return Failure.of("the activity was cancelled", CanceledInfo(request.data))
    activity.heartbeat_details = request.heartbeat_details or activity.heartbeat_details
    return bounded_failure(request.failure)
