"""What a worker says of an attempt of an activity without a workflow, and what follows.

An attempt is accepted once: what is said counts only while that attempt is the one that is out.
"""

from __future__ import annotations

from perdure.protocol.replies import ErrorCode
from perdure.protocol.requests import (
    RecordActivityTaskHeartbeat,
    RecordActivityTaskStarted,
    ReportTaskLost,
    RespondActivityTaskCanceled,
    RespondActivityTaskCompleted,
    RespondActivityTaskDetached,
    RespondActivityTaskFailed,
)
from perdure_engine.core import activity_report, deadline
from perdure_engine.core.activity_report import NOT_WANTED, directive, failure_of, loss_of
from perdure_engine.core.attempt import is_reported_by, started_time_us
from perdure_engine.core.standalone.attempt import complete, fail, is_out, keep
from perdure_engine.core.standalone.execution import ActivityExecution
from perdure_engine.core.state import ActivityPhase
from perdure_engine.core.transition import DETACHED, KeepWorker, Transition


def refuse_stale(attempt: int, number: int, transition: Transition) -> None:
    """What is said is of an attempt that is over, or of an execution that nobody knows."""
    transition.refuse(
        ErrorCode.NOT_FOUND, f"attempt {attempt} of execution {number} is no longer pending; its result is dropped"
    )


def end(
    execution: ActivityExecution,
    request: RespondActivityTaskCompleted | RespondActivityTaskFailed | RespondActivityTaskCanceled,
    now_us: int,
    transition: Transition,
) -> None:
    """The attempt ended, well or not."""
    if not is_out(execution, request.attempt, now_us):
        refuse_stale(request.attempt, execution.number, transition)
        return
    transition.answer()
    started_us = started_time_us(execution, request.started_time_us, now_us)
    failure = failure_of(execution, request)
    if failure is not None:
        fail(execution, failure, request.identity, started_us, now_us, transition)
    elif isinstance(request, RespondActivityTaskCompleted):
        complete(execution, request.result, request.identity, started_us, now_us, transition)


def lose(execution: ActivityExecution, request: ReportTaskLost, now_us: int, transition: Transition) -> None:
    """The worker that held the attempt is gone: the next attempt starts at once, if there may be one."""
    transition.answer()
    failure = loss_of(execution, request) if is_out(execution, request.attempt, now_us) else None
    if failure is not None:
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
    """The attempt shows life."""
    if is_out(execution, request.attempt, now_us):
        activity_report.heartbeat(execution, request, now_us, transition)
    else:
        transition.answer(NOT_WANTED)


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
