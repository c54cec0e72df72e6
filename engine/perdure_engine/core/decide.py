"""`decide`: one request or timer, one run, one moment; what follows from it.

A caller finds the run (or that there is none), calls `decide_*`, and does its duty by the `Transition` that comes back
(see `transition.py`). Requests that need no run to exist (a start) or change nothing (reads) are settled by the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.protocol.child_workflow import ParentLink
from perdure.protocol.content import ContentBlock
from perdure.protocol.cron import CronError, parse_cron
from perdure.protocol.deployment import stamp_problem
from perdure.protocol.fairness import fairness_problem
from perdure.protocol.ids import text_problem
from perdure.protocol.messages import RecordChildClosed, RecordChildStarted, RecordExternalAnswer
from perdure.protocol.replies import ErrorCode, ExecutionStatus, ReplyKind, Started
from perdure.protocol.requests import (
    ChangeActivity,
    IdConflictPolicy,
    IdReusePolicy,
    RecordActivityTaskHeartbeat,
    RecordActivityTaskStarted,
    ReportActivity,
    ReportTaskLost,
    RequestCancelWorkflow,
    RespondActivityTaskCanceled,
    RespondActivityTaskCompleted,
    RespondActivityTaskDetached,
    RespondActivityTaskFailed,
    RespondWorkflowTaskCompleted,
    RespondWorkflowTaskFailed,
    SignalWorkflow,
    StartWorkflow,
    StartWorkflowWith,
    StoreContent,
    TerminateWorkflow,
)
from perdure.protocol.tasks import TaskKind
from perdure.protocol.updates import UpdateWorkflow
from perdure_engine.core import (
    activity,
    activity_timeout,
    async_completion,
    cancellation,
    child,
    completion,
    content,
    external,
    pausing,
    properties,
    run_start,
    signal,
    timer,
    update,
    workflow_execution,
    workflow_task,
)
from perdure_engine.core.limits import (
    duration_problem,
    notes_problem,
    priority_problem,
    retry_policy_problem,
    size_problem,
)
from perdure_engine.core.state import Bug, MutableState
from perdure_engine.core.transition import TimerKind, Transition


def decide(state: MutableState, request: Any, now_us: int) -> Transition:
    """What `request` does to the open run `state`, which it changes.

    Args:
        state: an open run; thrown away by the caller if the transition is not committed.
        request: one of the requests in `DECIDED`.
        now_us: the shard's time, which never goes back.
    """
    if state.outcome is not None:
        raise Bug(f"run {state.run_id} is closed: {type(request).__name__} is not for the machines")
    machine = DECIDED.get(type(request))
    if machine is None:
        raise Bug(f"no machine decides {type(request).__name__}")
    transition = Transition()
    machine(state, request, now_us, transition)
    return transition


def decide_with_content(state: MutableState, request: Any, block: ContentBlock | None, now_us: int) -> Transition:
    """The same for a request whose values may refer to content, with the content beside it."""
    if block is None:
        return decide(state, request, now_us)
    refusal = Transition()
    if content.refuses(state, block, refusal):
        return refusal
    transition = decide(state, request, now_us)
    if transition.reply_kind != ReplyKind.ERROR:
        content.keep(state, block, now_us, transition)
        content.send_along(state, transition)
    return transition


def decide_message(state: MutableState, request: Any, message: Any, now_us: int) -> Transition:
    """The same for what another run asks for by a message, which may refer to content of that run."""
    waiting = len(state.buffered)
    transition = decide(state, request, now_us)
    is_taken_in = transition.records or len(state.buffered) > waiting
    if is_taken_in and content.is_brought_by(message):
        content.take_over(state, message, now_us, transition)
    return transition


def _lose(state: MutableState, request: ReportTaskLost, now_us: int, transition: Transition) -> None:
    if request.task_kind == TaskKind.WORKFLOW:
        workflow_task.lose(state, request, now_us, transition)
    else:
        activity.lose(state, request, now_us, transition)


DECIDED: dict[type[Any], Callable[[MutableState, Any, int, Transition], None]] = {
    RespondWorkflowTaskCompleted: completion.complete,
    RespondWorkflowTaskFailed: workflow_task.fail,
    RespondActivityTaskCompleted: activity.end,
    RespondActivityTaskFailed: activity.end,
    RespondActivityTaskCanceled: activity.end,
    RespondActivityTaskDetached: async_completion.detach,
    ReportActivity: async_completion.report,
    ChangeActivity: pausing.change,
    RecordActivityTaskStarted: activity.report_started,
    RecordActivityTaskHeartbeat: activity.heartbeat,
    ReportTaskLost: _lose,
    SignalWorkflow: signal.receive,
    RequestCancelWorkflow: cancellation.request,
    TerminateWorkflow: workflow_execution.terminate,
    RecordChildStarted: child.record_started,
    RecordChildClosed: child.record_closed,
    StoreContent: content.receive,
    RecordExternalAnswer: external.record_answer,
    UpdateWorkflow: update.receive,
}
"""Each request that changes an open run, and the machine that decides it."""


def start_problem(request: StartWorkflow) -> str | None:
    """What is wrong with a start, or None; the text says what is allowed."""
    for name, value in (
        ("namespace", request.namespace),
        ("workflow id", request.workflow_id),
        ("workflow type", request.workflow_type),
        ("task queue", request.task_queue),
        ("request id", request.request_id),
    ):
        problem = text_problem(name, value)
        if problem is not None:
            return problem
    return (
        size_problem("the input of workflow", request.input, request.workflow_id)
        or size_problem("the last result given to workflow", request.last_completion_result, request.workflow_id)
        or properties.given_problem(request.memo, request.search_attributes)
        or size_problem("the headers", request.headers)
        or stamp_problem(request.versioning_override)
        or stamp_problem(request.inherited_version)
        or duration_problem("the execution timeout", request.execution_timeout_ms)
        or duration_problem("the run timeout", request.run_timeout_ms)
        or duration_problem("the task timeout", request.task_timeout_ms)
        or duration_problem("the start delay", request.start_delay_ms)
        or (cron_problem(request) if request.cron_schedule else None)
        or notes_problem(request.summary, request.static_details)
        or priority_problem(request.priority)
        or fairness_problem(request.fairness)
        or (None if request.retry_policy is None else retry_policy_problem(request.retry_policy))
    )


def cron_problem(request: StartWorkflow) -> str | None:
    """What is wrong with the schedule of a start, or None."""
    if request.start_delay_ms:
        return "a workflow with a cron schedule begins when that says: leave the start delay out"
    try:
        parse_cron(request.cron_schedule)
    except CronError as error:
        return str(error)
    return None


def along_problem(request: StartWorkflowWith) -> str | None:
    """What is wrong with what a start brings along, or None."""
    given = [item for item in (request.signal, request.update) if item is not None]
    if len(given) != 1:
        return "a start may bring along a signal or an update, one of them"
    for part in (request.start, *given):
        if (part.namespace, part.workflow_id) != (request.namespace, request.workflow_id):
            return f"what a start brings along must be for the same workflow; this is for {part.workflow_id!r}"
    if request.signal is not None:
        return signal.signal_problem(request.signal)
    return None if request.update is None else update.update_problem(request.update)


def decide_start(
    request: StartWorkflow,
    run_id: str,
    shard_id: int,
    now_us: int,
    parent: ParentLink | None = None,
    along: StartWorkflowWith | None = None,
) -> tuple[MutableState | None, Transition]:
    """A start whose workflow id is free: the new run, or None with a refusal. `parent`: it is a child's; `along`: what
    it brings, checked by `along_problem`."""
    transition = Transition()
    problem = start_problem(request)
    if problem is not None:
        transition.refuse(ErrorCode.INVALID_ARGUMENT, problem)
        return None, transition
    return workflow_execution.start(request, run_id, shard_id, now_us, transition, parent, along), transition


def settle_open_conflict(request: StartWorkflow, run_id: str, transition: Transition) -> bool:
    """A run of this workflow id is open. True if it is to be terminated for the new one; else the reply is set."""
    if request.id_conflict_policy == IdConflictPolicy.TERMINATE_EXISTING:
        return True
    if request.id_conflict_policy == IdConflictPolicy.USE_EXISTING:
        transition.answer(Started(run_id, False))
    else:
        transition.refuse(
            ErrorCode.ALREADY_STARTED,
            f"workflow {request.workflow_id!r} is running already; use its handle, another id, or "
            "an id conflict policy",
            run_id=run_id,
        )
    return False


def settle_reuse(request: StartWorkflow, run_id: str, status: int, transition: Transition) -> bool:
    """The last run of this workflow id is closed. True if a new one may start; else the reply is a refusal."""
    if request.id_reuse_policy == IdReusePolicy.ALLOW_DUPLICATE:
        return True
    if request.id_reuse_policy == IdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY and status != ExecutionStatus.COMPLETED:
        return True
    transition.refuse(
        ErrorCode.ALREADY_STARTED,
        f"workflow {request.workflow_id!r} has run before, and its id reuse policy does not allow another run",
        run_id=run_id,
    )
    return False


def decide_timer(state: MutableState, kind: int, event_id: int, attempt: int, now_us: int) -> Transition:
    """A timer of the open run `state` is due. The caller removes its row, whatever comes of it."""
    if state.outcome is not None:
        raise Bug(f"run {state.run_id} is closed: a timer of kind {kind} is not for the machines")
    machine = TIMED.get(kind)
    if machine is None:
        raise Bug(f"run {state.run_id}: no machine for a timer of kind {kind}")
    transition = Transition()
    machine(state, event_id, attempt, now_us, transition)
    return transition


TIMED: dict[int, Callable[[MutableState, int, int, int, Transition], None]] = {
    TimerKind.USER: timer.fire,
    TimerKind.ACTIVITY_RETRY: activity_timeout.end_backoff,
    TimerKind.ACTIVITY_SCHEDULE_TO_START: activity_timeout.time_out_start,
    TimerKind.ACTIVITY_SCHEDULE_TO_CLOSE: activity_timeout.time_out_activity,
    TimerKind.ACTIVITY_START_TO_CLOSE: activity_timeout.time_out_attempt,
    TimerKind.ACTIVITY_HEARTBEAT: activity_timeout.check_heartbeat,
    TimerKind.WORKFLOW_TASK_RETRY: workflow_task.retry,
    TimerKind.RUN_TIMEOUT: workflow_execution.time_out,
    TimerKind.START_DELAY: run_start.end_start_delay,
}
"""Each kind of timer, and what is done when one is due: with its event id and attempt, which may be stale."""
