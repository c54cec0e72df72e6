"""What others than its worker do to an activity without a workflow: cancel it, end it, complete it in its place."""

from __future__ import annotations

from perdure.protocol.failure import CanceledInfo, Failure, TerminatedInfo
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
from perdure_engine.core.activity_report import heartbeat, report_problem, reported_failure
from perdure_engine.core.attempt import started_time_us
from perdure_engine.core.standalone.attempt import close, complete, fail, keep
from perdure_engine.core.standalone.execution import ActivityExecution
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
    problem = report_problem(execution, request, now_us)
    if problem is not None:
        transition.refuse(ErrorCode.INVALID_ARGUMENT, problem)
        return
    transition.answer()
    execution.ended_by = request.request_id
    started_us = started_time_us(execution, 0, now_us)
    failure = reported_failure(execution, request)
    if failure is None:
        complete(execution, request.data, request.identity, started_us, now_us, transition)
    else:
        fail(execution, failure, request.identity, started_us, now_us, transition)
