"""The machine of the run itself: started, and closed in one of five ways."""

from __future__ import annotations

from perdure.protocol.commands import CancelWorkflowExecution, CompleteWorkflowExecution, FailWorkflowExecution
from perdure.protocol.events import (
    EventType,
    HistoryEvent,
    WorkflowExecutionCanceled,
    WorkflowExecutionCompleted,
    WorkflowExecutionFailed,
    WorkflowExecutionStarted,
    WorkflowExecutionTerminated,
    WorkflowExecutionTimedOut,
)
from perdure.protocol.failure import RetryState
from perdure.protocol.replies import ErrorCode, Started
from perdure.protocol.requests import StartWorkflow, TerminateWorkflow
from perdure.protocol.tasks import TaskKind
from perdure_engine.core import activity, properties, workflow_task
from perdure_engine.core.fold import begin
from perdure_engine.core.ledger import emit, flush
from perdure_engine.core.limits import bounded_failure, size_problem
from perdure_engine.core.state import Bug, MutableState
from perdure_engine.core.transition import (
    ClearTimer,
    Close,
    Remember,
    Retire,
    SetTimer,
    TimerKind,
    Transition,
)

ENGINE_IDENTITY = "engine"
"""Who terminated a run that nobody asked to terminate."""


def start(request: StartWorkflow, run_id: str, shard_id: int, now_us: int, transition: Transition) -> MutableState:
    """Begin a run. The caller has settled that the workflow id is free."""
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
        request.start_delay_ms,
    )
    first = HistoryEvent(1, now_us, EventType.WORKFLOW_EXECUTION_STARTED, attributes)
    state = begin(request.namespace, request.workflow_id, run_id, shard_id, first)
    transition.records.append(first)
    timeout_at_us = run_timeout_at_us(state)
    if timeout_at_us:
        transition.effects.append(SetTimer(timeout_at_us, TimerKind.RUN_TIMEOUT, 0))
    if request.start_delay_ms:
        transition.effects.append(SetTimer(first_task_at_us(state), TimerKind.START_DELAY, 0))
    else:
        workflow_task.schedule(state, transition, now_us)
    transition.answer(Started(run_id, True))
    return state


def first_task_at_us(state: MutableState) -> int:
    return state.start_time_us + state.started.start_delay_ms * 1000


def run_timeout_at_us(state: MutableState) -> int:
    """When the run times out: the shorter of its two timeouts, counted from the end of its start delay; 0 for never."""
    run_ms, execution_ms = state.started.run_timeout_ms, state.started.execution_timeout_ms
    timeout_ms = min(run_ms, execution_ms) if run_ms and execution_ms else run_ms or execution_ms
    return first_task_at_us(state) + timeout_ms * 1000 if timeout_ms else 0


def close_by_command(
    state: MutableState,
    command: CompleteWorkflowExecution | FailWorkflowExecution | CancelWorkflowExecution,
    completed_event_id: int,
    now_us: int,
    transition: Transition,
) -> None:
    """The workflow's code came to its end."""
    if isinstance(command, CompleteWorkflowExecution):
        completed = WorkflowExecutionCompleted(command.result, completed_event_id)
        _close(state, transition, now_us, completed)
    elif isinstance(command, FailWorkflowExecution):
        failure = bounded_failure(command.failure)
        failed = WorkflowExecutionFailed(failure, RetryState.RETRY_POLICY_NOT_SET, completed_event_id)
        _close(state, transition, now_us, failed)
    else:
        canceled = WorkflowExecutionCanceled(command.details, completed_event_id)
        _close(state, transition, now_us, canceled)


def terminate(state: MutableState, request: TerminateWorkflow, now_us: int, transition: Transition) -> None:
    """End the run at once; the workflow is not asked."""
    problem = size_problem("the details of the termination", request.details)
    if problem is not None:
        transition.refuse(ErrorCode.INVALID_ARGUMENT, problem)
        return
    attributes = WorkflowExecutionTerminated(request.reason, request.details, request.identity)
    _abandon_workflow_task(state, now_us, transition)
    _close(state, transition, now_us, attributes)
    if request.request_id:
        transition.effects.append(Remember(request.request_id))
    transition.answer()


def end_start_delay(state: MutableState, event_id: int, attempt: int, now_us: int, transition: Transition) -> None:
    """The first workflow task is due, unless something came in before and began the run already."""
    if state.last_completed_event_id == 0:
        workflow_task.schedule(state, transition, now_us)


def time_out(state: MutableState, event_id: int, attempt: int, now_us: int, transition: Transition) -> None:
    """The run timeout is due; the workflow is not asked."""
    _abandon_workflow_task(state, now_us, transition)
    attributes = WorkflowExecutionTimedOut(RetryState.TIMEOUT)
    _close(state, transition, now_us, attributes)


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
    else:
        transition.effects.append(Retire(TaskKind.WORKFLOW, state.workflow_task_id()))
    held, state.buffered = state.buffered, []
    flush(state, transition, held)


def _close(state: MutableState, transition: Transition, now_us: int, attributes: object) -> None:
    """Take back all that is pending, and write the closing event. Nothing is buffered, so nothing waits settled."""
    for pending in state.activities.values():
        activity.abandon(state, pending, now_us, transition)
    for timer in state.timers.values():
        transition.effects.append(ClearTimer(timer.fire_at_us, TimerKind.USER, timer.started_event_id))
    timeout_at_us = run_timeout_at_us(state)
    if timeout_at_us:
        transition.effects.append(ClearTimer(timeout_at_us, TimerKind.RUN_TIMEOUT, 0))
    if state.started.start_delay_ms and now_us < first_task_at_us(state):
        transition.effects.append(ClearTimer(first_task_at_us(state), TimerKind.START_DELAY, 0))
    properties.keep_at_close(state, now_us, transition)
    emit(state, transition, now_us, attributes)
    if state.outcome is None:
        raise Bug(f"run {state.run_id}: closed by {type(attributes).__name__} without an outcome")
    transition.effects.append(Close(state.outcome))
