"""What others than its worker do to an activity without a workflow: cancel it, end it, complete it in its place."""

from __future__ import annotations

from perdure.protocol.failure import CanceledInfo, Failure, RetryState, TerminatedInfo
from perdure.protocol.ids import text_problem
from perdure.protocol.replies import CancelActivity, ErrorCode, ExecutionStatus
from perdure.protocol.requests import (
    ActivityReport,
    RecordActivityTaskHeartbeat,
    ReportActivity,
    RequestCancelActivity,
    TerminateActivity,
)
from perdure_engine.core import deadline
from perdure_engine.core.attempt import retry_state, started_time_us
from perdure_engine.core.limits import bounded_failure, size_problem
from perdure_engine.core.standalone.attempt import close, fail, keep
from perdure_engine.core.standalone.execution import ActivityExecution
from perdure_engine.core.standalone.reports import heartbeat
from perdure_engine.core.state import ActivityPhase
from perdure_engine.core.transition import Push, Transition

REASON_LENGTH_MAX = 10_000
"""Characters of a reason."""


def _problem(request: RequestCancelActivity | TerminateActivity) -> str | None:
    if len(request.reason) > REASON_LENGTH_MAX:
        return f"the reason has {len(request.reason)} characters; the limit is {REASON_LENGTH_MAX}"
    return text_problem("request id", request.request_id)


def request_cancel(
    execution: ActivityExecution, request: RequestCancelActivity, now_us: int, transition: Transition
) -> None:
    """An execution that waits is cancelled at once; one whose attempt is out ends as its worker says."""
    problem = _problem(request)
    if problem is not None:
        transition.refuse(ErrorCode.INVALID_ARGUMENT, problem)
        return
    transition.answer()
    if execution.phase == ActivityPhase.CANCEL_REQUESTED:
        return
    execution.cancel_reason = request.reason
    if deadline.is_waiting(execution, now_us):
        execution.ended_by = request.request_id
        failure = Failure.of(request.reason or "the activity was cancelled", CanceledInfo())
        close(execution, ExecutionStatus.CANCELED, now_us, transition, failure=failure)
        return
    execution.phase = ActivityPhase.CANCEL_REQUESTED
    keep(execution, transition)
    tell(execution, transition, wanted=True)


def terminate(execution: ActivityExecution, request: TerminateActivity, now_us: int, transition: Transition) -> None:
    problem = _problem(request)
    if problem is not None:
        transition.refuse(ErrorCode.INVALID_ARGUMENT, problem)
        return
    transition.answer()
    execution.ended_by = request.request_id
    tell(execution, transition, wanted=False)
    failure = Failure.of(request.reason or "the activity was terminated", TerminatedInfo())
    close(execution, ExecutionStatus.TERMINATED, now_us, transition, failure=failure)


def tell(execution: ActivityExecution, transition: Transition, *, wanted: bool) -> None:
    """Let the worker that runs the attempt know that it is to stop, if one is known."""
    if execution.worker:
        message = CancelActivity(execution.run_id, execution.scheduled_event_id, execution.attempt, wanted)
        transition.effects.append(Push(execution.worker, message))


def report(execution: ActivityExecution, request: ReportActivity, now_us: int, transition: Transition) -> None:
    """Somebody says what became of the attempt that is out, or that it goes on."""
    if request.attempt not in (0, execution.attempt):
        transition.refuse(ErrorCode.NOT_FOUND, f"attempt {request.attempt} of the activity is no longer pending")
        return
    if request.report == ActivityReport.HEARTBEAT:
        beat = RecordActivityTaskHeartbeat(
            execution.run_id, execution.number, execution.attempt, request.data, request.identity
        )
        heartbeat(execution, beat, now_us, transition)
        return
    problem = _report_problem(execution, request, now_us)
    if problem is not None:
        transition.refuse(ErrorCode.INVALID_ARGUMENT, problem)
        return
    transition.answer()
    execution.ended_by = request.request_id
    started_us = started_time_us(execution, 0, now_us)
    if request.report == ActivityReport.COMPLETED:
        execution.started_time_us, execution.worker = started_us, request.identity
        close(execution, ExecutionStatus.COMPLETED, now_us, transition, result=request.data)
        return
    if request.failure is None:
        failure = Failure.of("the activity was cancelled", CanceledInfo(request.data))
    else:
        failure = bounded_failure(request.failure)
        if request.heartbeat_details:
            execution.heartbeat_details = request.heartbeat_details
    fail(execution, failure, request.identity, started_us, now_us, transition)


def _report_problem(execution: ActivityExecution, request: ReportActivity, now_us: int) -> str | None:
    """Why this outcome cannot be taken, or None."""
    problem = text_problem("request id", request.request_id)
    if problem is not None:
        return problem
    activity_type = execution.attributes.activity_type
    if request.report == ActivityReport.COMPLETED:
        return size_problem("the result of activity", request.data, activity_type)
    if request.report == ActivityReport.CANCELED:
        if execution.phase != ActivityPhase.CANCEL_REQUESTED:
            return f"nobody asked activity {activity_type!r} to stop; complete it, or let it fail"
        return size_problem("the details of the cancellation of activity", request.data, activity_type)
    if request.report != ActivityReport.FAILED or request.failure is None:
        return f"an activity cannot be reported as {request.report}"
    is_retried = retry_state(execution, request.failure, now_us) == RetryState.IN_PROGRESS
    if is_retried and deadline.is_waiting(execution, now_us):
        return (
            f"activity {activity_type!r} waits for attempt {execution.attempt}: a failure would change nothing; "
            "complete it, or give a failure that is not tried again (non_retryable)"
        )
    return size_problem("the heartbeat of activity", request.heartbeat_details, activity_type)
