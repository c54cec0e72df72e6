"""What a worker says of an attempt of an activity without a workflow, and what follows.

An attempt is accepted once: what is said counts only while that attempt is the one that is out.
"""

from __future__ import annotations

from perdure.protocol.failure import ApplicationInfo, CanceledInfo, Failure, TimeoutInfo, TimeoutType
from perdure.protocol.replies import ActivityDirective, ErrorCode, ExecutionStatus
from perdure.protocol.requests import (
    RecordActivityTaskHeartbeat,
    RecordActivityTaskStarted,
    ReportTaskLost,
    RespondActivityTaskCanceled,
    RespondActivityTaskCompleted,
    RespondActivityTaskDetached,
    RespondActivityTaskFailed,
)
from perdure_engine.core import deadline
from perdure_engine.core.activity import directive
from perdure_engine.core.attempt import is_reported_by, started_time_us
from perdure_engine.core.limits import bounded_failure, size_problem
from perdure_engine.core.standalone.attempt import close, fail, is_out, keep
from perdure_engine.core.standalone.execution import ActivityExecution
from perdure_engine.core.state import ActivityPhase
from perdure_engine.core.transition import DETACHED, KeepHeartbeat, KeepWorker, Transition

NOT_WANTED = ActivityDirective(False, False)


def refuse_stale(attempt: int, number: int, transition: Transition) -> None:
    """What is said is of an attempt that is over, or of an execution that nobody knows."""
    transition.refuse(
        ErrorCode.NOT_FOUND, f"attempt {attempt} of execution {number} is no longer pending; its result is dropped"
    )


def complete(
    execution: ActivityExecution, request: RespondActivityTaskCompleted, now_us: int, transition: Transition
) -> None:
    if not is_out(execution, request.attempt, now_us):
        refuse_stale(request.attempt, execution.number, transition)
        return
    transition.answer()
    started_us = started_time_us(execution, request.started_time_us, now_us)
    problem = size_problem("the result of activity", request.result, execution.attributes.activity_type)
    if problem is not None:
        _refuse_payload(execution, problem, request.identity, started_us, now_us, transition)
        return
    execution.started_time_us, execution.worker = started_us, request.identity
    close(execution, ExecutionStatus.COMPLETED, now_us, transition, result=request.result)


def report_failed(
    execution: ActivityExecution, request: RespondActivityTaskFailed, now_us: int, transition: Transition
) -> None:
    if not is_out(execution, request.attempt, now_us):
        refuse_stale(request.attempt, execution.number, transition)
        return
    transition.answer()
    started_us = started_time_us(execution, request.started_time_us, now_us)
    what = "the heartbeat of activity"
    problem = size_problem(what, request.heartbeat_details, execution.attributes.activity_type)
    if problem is not None:
        _refuse_payload(execution, problem, request.identity, started_us, now_us, transition)
        return
    if request.heartbeat_details:
        execution.heartbeat_details = request.heartbeat_details
    fail(execution, bounded_failure(request.failure), request.identity, started_us, now_us, transition)


def report_canceled(
    execution: ActivityExecution, request: RespondActivityTaskCanceled, now_us: int, transition: Transition
) -> None:
    """The attempt ended by cancellation; nobody having asked for that, it is a failure like others."""
    if not is_out(execution, request.attempt, now_us):
        refuse_stale(request.attempt, execution.number, transition)
        return
    transition.answer()
    started_us = started_time_us(execution, request.started_time_us, now_us)
    what = "the details of the cancellation of activity"
    problem = size_problem(what, request.details, execution.attributes.activity_type)
    if problem is not None:
        _refuse_payload(execution, problem, request.identity, started_us, now_us, transition)
        return
    failure = Failure.of("the activity was cancelled by its worker", CanceledInfo(request.details))
    fail(execution, failure, request.identity, started_us, now_us, transition)


def _refuse_payload(
    execution: ActivityExecution, problem: str, identity: str, started_us: int, now_us: int, transition: Transition
) -> None:
    """Data over the limit would be over it in every attempt: the execution fails."""
    failure = Failure.of(problem, ApplicationInfo("PayloadTooLarge", True))
    fail(execution, failure, identity, started_us, now_us, transition)


def lose(execution: ActivityExecution, request: ReportTaskLost, now_us: int, transition: Transition) -> None:
    """The worker that held the attempt is gone (see `core.activity.lose`)."""
    transition.answer()
    if not is_out(execution, request.attempt, now_us):
        return
    if execution.is_detached or not request.worker.startswith(execution.worker):
        return
    failure = Failure.of(
        f"worker lost: {request.worker} held attempt {request.attempt} and did not renew its lease",
        TimeoutInfo(TimeoutType.HEARTBEAT, execution.heartbeat_details),
    )
    started_us = started_time_us(execution, 0, now_us)
    fail(execution, failure, request.worker, started_us, now_us, transition, at_once=True)


def report_started(
    execution: ActivityExecution, request: RecordActivityTaskStarted, now_us: int, transition: Transition
) -> None:
    """The attempt is running: from now on its start-to-close and heartbeat timeouts are watched here too."""
    if not is_out(execution, request.attempt, now_us):
        transition.answer(NOT_WANTED)
        return
    if execution.reported_time_us:
        is_same = is_reported_by(execution, request.identity, request.started_time_us)
        transition.answer(directive(execution) if is_same else NOT_WANTED)
        return
    execution.started_time_us = started_time_us(execution, request.started_time_us, now_us)
    execution.said_time_us = request.started_time_us
    execution.worker = request.identity
    _report(execution, now_us)
    transition.effects.append(KeepWorker(execution.scheduled_event_id, execution.attempt, request.identity))
    deadline.watch_started(execution, now_us, transition)
    keep(execution, transition)
    transition.answer(directive(execution))


def _report(execution: ActivityExecution, now_us: int) -> None:
    execution.reported_time_us = now_us
    if execution.phase == ActivityPhase.SCHEDULED:
        execution.phase = ActivityPhase.STARTED


def heartbeat(
    execution: ActivityExecution, request: RecordActivityTaskHeartbeat, now_us: int, transition: Transition
) -> None:
    """The attempt shows life; its details reach the next attempt, and who asks for them."""
    if not is_out(execution, request.attempt, now_us):
        transition.answer(NOT_WANTED)
        return
    problem = size_problem("the heartbeat of activity", request.details, execution.attributes.activity_type)
    if problem is not None:
        transition.refuse(ErrorCode.INVALID_ARGUMENT, problem)
        return
    execution.heartbeat_details = request.details
    execution.heartbeat_time_us = now_us
    transition.effects.append(KeepHeartbeat(execution.scheduled_event_id, request.details))
    transition.answer(directive(execution))


def detach(
    execution: ActivityExecution, request: RespondActivityTaskDetached, now_us: int, transition: Transition
) -> None:
    """The worker lets go of the attempt, which stays out: somebody else will complete it."""
    if not is_out(execution, request.attempt, now_us):
        refuse_stale(request.attempt, execution.number, transition)
        return
    transition.answer()
    if execution.is_detached:
        return
    is_known = execution.reported_time_us != 0
    if not is_known:
        execution.started_time_us = started_time_us(execution, request.started_time_us, now_us)
        _report(execution, now_us)
    execution.worker = ""
    execution.is_detached = True
    transition.effects.append(KeepWorker(execution.scheduled_event_id, execution.attempt, DETACHED))
    if not is_known:
        deadline.watch_started(execution, now_us, transition)
    keep(execution, transition)
