"""The machine of the run itself: started, and closed in one of six ways, after which another run may follow."""

from __future__ import annotations

from perdure.protocol.child_workflow import ParentLink
from perdure.protocol.commands import (
    CancelWorkflowExecution,
    CompleteWorkflowExecution,
    ContinueAsNewWorkflowExecution,
    FailWorkflowExecution,
)
from perdure.protocol.events import (
    WorkflowExecutionCanceled,
    WorkflowExecutionCompleted,
    WorkflowExecutionFailed,
    WorkflowExecutionStarted,
    WorkflowExecutionTerminated,
    WorkflowExecutionTimedOut,
)
from perdure.protocol.failure import Failure, TimeoutInfo
from perdure.protocol.replies import ErrorCode, ReplyKind, Started
from perdure.protocol.requests import StartWorkflow, StartWorkflowWith, TerminateWorkflow
from perdure.protocol.tasks import TaskKind
from perdure.protocol.updates import UpdateReply, UpdateStage
from perdure_engine.core import activity, chain, child, parent, properties, succession, update, workflow_task
from perdure_engine.core.ledger import emit, flush
from perdure_engine.core.limits import bounded_failure, size_problem
from perdure_engine.core.run_start import begin_run, clear_timers
from perdure_engine.core.state import Bug, MutableState
from perdure_engine.core.transition import (
    ClearTimer,
    Close,
    Remember,
    Retire,
    Successor,
    TimerKind,
    Transition,
)

ClosingCommand = (
    CompleteWorkflowExecution | FailWorkflowExecution | CancelWorkflowExecution | ContinueAsNewWorkflowExecution
)

TIMED_OUT = Failure.of("Workflow timed out", TimeoutInfo())
"""What the next run of the chain is told of one that timed out."""

ENGINE_IDENTITY = "engine"
"""Who terminated a run that nobody asked to terminate."""


def start(
    request: StartWorkflow,
    run_id: str,
    shard_id: int,
    now_us: int,
    transition: Transition,
    link: ParentLink | None = None,
    along: StartWorkflowWith | None = None,
) -> MutableState:
    """Begin a run, the child of another one if it has a `link`, with the signal or the update that comes `along`. The
    caller has settled that the workflow id is free, and that there is nothing wrong with them."""
    delay_ms = request.start_delay_ms
    if request.cron_schedule:
        delay_ms = succession.first_time_delay_ms(request.cron_schedule, now_us)
    attributes = WorkflowExecutionStarted(
        request.workflow_type,
        request.task_queue,
        request.input,
        request.workflow_id,
        request.identity,
        request.request_id,
        request.execution_timeout_ms,
        request.run_timeout_ms,
        request.task_timeout_ms,
        request.retry_policy,
        request.memo,
        request.search_attributes,
        run_id,
        1,
        request.headers,
        delay_ms,
        continued_failure=request.continued_failure,
        last_completion_result=request.last_completion_result,
        cron_schedule=request.cron_schedule,
        parent=link,
        summary=request.summary,
        static_details=request.static_details,
        priority=request.priority,
        versioning_override=request.versioning_override,
        inherited_version=request.inherited_version,
        fairness=request.fairness,
    )
    state = begin_run(request.namespace, run_id, shard_id, attributes, now_us, transition, along)
    if along is None or along.update is None:
        transition.answer(Started(run_id, True))
    else:
        transition.reply_kind = ReplyKind.REGISTERED
        transition.reply_body = UpdateReply(run_id, UpdateStage.ADMITTED)
    return state


def close_by_command(
    state: MutableState,
    command: ClosingCommand,
    completed_event_id: int,
    now_us: int,
    transition: Transition,
) -> None:
    """The workflow's code came to its end."""
    if isinstance(command, CompleteWorkflowExecution):
        successor = succession.after_completion(state, command.result, now_us)
        completed = WorkflowExecutionCompleted(command.result, completed_event_id, succession.run_id_of(successor))
        _close(state, transition, now_us, completed, successor)
    elif isinstance(command, FailWorkflowExecution):
        failure = bounded_failure(command.failure)
        successor, retry_state = succession.after_failure(state, failure, now_us)
        run_id = succession.run_id_of(successor)
        failed = WorkflowExecutionFailed(failure, retry_state, completed_event_id, run_id)
        _close(state, transition, now_us, failed, successor)
    elif isinstance(command, ContinueAsNewWorkflowExecution):
        continued, successor = succession.continue_as_new(state, command, completed_event_id, now_us)
        _close(state, transition, now_us, continued, successor)
    else:
        canceled = WorkflowExecutionCanceled(command.details, completed_event_id)
        _close(state, transition, now_us, canceled)


def terminate(
    state: MutableState,
    request: TerminateWorkflow,
    now_us: int,
    transition: Transition,
    successor: Successor | None = None,
) -> None:
    """End the run at once; the workflow is not asked. `successor`: what a reset put in its place."""
    if chain.refuses(state, request.first_execution_run_id, transition):
        return
    problem = size_problem("the details of the termination", request.details)
    if problem is not None:
        transition.refuse(ErrorCode.INVALID_ARGUMENT, problem)
        return
    run_id = succession.run_id_of(successor)
    attributes = WorkflowExecutionTerminated(request.reason, request.details, request.identity, run_id)
    _abandon_workflow_task(state, now_us, transition)
    _close(state, transition, now_us, attributes, successor)
    if request.request_id:
        transition.effects.append(Remember(request.request_id))
    transition.answer()


def time_out(state: MutableState, event_id: int, attempt: int, now_us: int, transition: Transition) -> None:
    """The run timeout is due; the workflow is not asked."""
    _abandon_workflow_task(state, now_us, transition)
    successor, retry_state = succession.after_failure(state, TIMED_OUT, now_us)
    attributes = WorkflowExecutionTimedOut(retry_state, succession.run_id_of(successor))
    _close(state, transition, now_us, attributes, successor)


def end_overgrown(state: MutableState, reason: str, now_us: int, transition: Transition) -> None:
    """The engine ends a run whose history is too long. No workflow task is out."""
    attributes = WorkflowExecutionTerminated(reason, b"", ENGINE_IDENTITY)
    _close(state, transition, now_us, attributes)


def _abandon_workflow_task(state: MutableState, now_us: int, transition: Transition) -> None:
    """Take back a task that is out, and write down what was buffered: it did happen."""
    task = state.workflow_task
    if task is None:
        return
    if workflow_task.is_waiting(task, now_us):
        transition.effects.append(ClearTimer(task.next_attempt_time_us, TimerKind.WORKFLOW_TASK_RETRY, 0))
    elif not task.is_speculative:
        transition.effects.append(Retire(TaskKind.WORKFLOW, state.workflow_task_id()))
    held, state.buffered = state.buffered, []
    flush(state, transition, held)


def _close(
    state: MutableState, transition: Transition, now_us: int, attributes: object, successor: Successor | None = None
) -> None:
    """Take back all that is pending, and write the closing event. Nothing is buffered, so nothing waits settled."""
    for pending in state.activities.values():
        activity.abandon(state, pending, now_us, transition)
    for timer in state.timers.values():
        transition.effects.append(ClearTimer(timer.fire_at_us, TimerKind.USER, timer.started_event_id))
    if state.children:
        child.follow_close(state, getattr(attributes, "workflow_task_completed_event_id", 0), transition, successor)
    clear_timers(state, now_us, transition)
    properties.keep_at_close(state, now_us, transition)
    emit(state, transition, now_us, attributes)
    if state.outcome is None:
        raise Bug(f"run {state.run_id}: closed by {type(attributes).__name__} without an outcome")
    transition.effects.append(Close(state.outcome, successor))
    parent.report(state, getattr(attributes, "retry_state", 0), transition)
    if state.updates or state.admitted:
        update.abandon_all(state, transition)
