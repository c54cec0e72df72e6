"""The machine of a child workflow, as its parent sees it: asked for, started or refused, closed.

    initiated --its shard started it--> started --it closed--> gone
       |--its id was taken--> gone

The child lives on a shard of its own, and messages go between them (`Send`). They may come twice, or late: an outcome
that overtakes the word that the child was started supplies it.
"""

from __future__ import annotations

from typing import Any

from perdure.protocol import child_workflow as wire
from perdure.protocol.child_workflow import (
    ChildWorkflowExecutionStarted,
    ParentClosePolicy,
    ParentLink,
    StartChildWorkflowExecution,
    StartChildWorkflowExecutionFailed,
    StartChildWorkflowExecutionInitiated,
)
from perdure.protocol.cron import CronError, parse_cron
from perdure.protocol.failure import Failure
from perdure.protocol.fairness import fairness_problem
from perdure.protocol.ids import run_id_for_child, text_problem
from perdure.protocol.messages import (
    CloseChildWorkflow,
    Origin,
    RecordChildClosed,
    RecordChildStarted,
    StartChildWorkflow,
)
from perdure.protocol.replies import ExecutionStatus
from perdure.protocol.requests import StartWorkflow
from perdure_engine.core import external, properties, workflow_task
from perdure_engine.core.ledger import emit, happen
from perdure_engine.core.limits import (
    duration_problem,
    notes_problem,
    priority_problem,
    retry_policy_problem,
    size_problem,
)
from perdure_engine.core.state import Bug, ChildPhase, ChildState, MutableState
from perdure_engine.core.transition import Send, Settle, Successor, Transition
from perdure_engine.core.versioning import pinned_version

# From the workflow --------------------------------------------------------------------------------------------------


def start_problem(command: StartChildWorkflowExecution) -> str | None:
    """What is wrong with the command, or None."""
    problem = text_problem("its id", command.workflow_id) or text_problem("its type", command.workflow_type)
    if problem is None:
        problem = (
            (text_problem("its task queue", command.task_queue) if command.task_queue else None)
            or (text_problem("its namespace", command.namespace) if command.namespace else None)
            or size_problem("its input", command.input)
            or size_problem("its headers", command.headers)
            or properties.given_problem(command.memo, command.search_attributes)
            or duration_problem("its execution timeout", command.execution_timeout_ms)
            or duration_problem("its run timeout", command.run_timeout_ms)
            or duration_problem("its task timeout", command.task_timeout_ms)
            or (_cron_problem(command.cron_schedule) if command.cron_schedule else None)
            or notes_problem(command.summary, command.static_details)
            or priority_problem(command.priority)
            or fairness_problem(command.fairness)
            or (None if command.retry_policy is None else retry_policy_problem(command.retry_policy))
        )
    if problem is None and command.parent_close_policy not in _POLICIES:
        problem = f"its parent close policy is {command.parent_close_policy}; allowed are {_POLICIES}"
    return f"child workflow {command.workflow_id!r}: {problem}" if problem else None


def _cron_problem(schedule: str) -> str | None:
    try:
        parse_cron(schedule)
    except CronError as error:
        return str(error)
    return None


_POLICIES = [int(policy) for policy in ParentClosePolicy]


def initiate(
    state: MutableState,
    command: StartChildWorkflowExecution,
    completed_event_id: int,
    now_us: int,
    transition: Transition,
) -> None:
    """Ask the child's shard to start it."""
    initiated = StartChildWorkflowExecutionInitiated(completed_event_id, *command)._replace(
        namespace=command.namespace or state.namespace, task_queue=command.task_queue or state.task_queue
    )
    event_id = emit(state, transition, now_us, initiated)
    origin = Origin(state.shard_id, state.run_id, event_id)
    message = StartChildWorkflow(origin, initiated, _link(state, event_id), pinned_version(state))
    transition.effects.append(Send(event_id, message))


def _link(state: MutableState, event_id: int) -> ParentLink:
    own = state.started.parent
    root = (own.root_workflow_id, own.root_run_id) if own is not None else (state.workflow_id, state.run_id)
    return ParentLink(state.namespace, state.workflow_id, state.run_id, event_id, *root)


def follow_close(
    state: MutableState, completed_event_id: int, transition: Transition, successor: Successor | None = None
) -> None:
    """The parent closes, by the task that was completed by this event (0: it was not asked): each child has what its
    parent close policy says. One whose start is under way has it when that is answered; one that this very task asked
    for is never started; one that goes on under the run that a reset put in the place of this one keeps running."""
    heir = None if successor is None else successor.state
    for child in state.children.values():
        event_id = child.initiated_event_id
        if child.parent_close_policy == ParentClosePolicy.ABANDON:
            continue
        if heir is not None and event_id in heir.children and heir.run_of(event_id) == state.run_of(event_id):
            continue
        if child.phase == ChildPhase.STARTED:
            origin = Origin(state.shard_id, state.run_id, event_id)
            first_run_id = run_id_for_child(state.run_of(event_id), event_id)
            message = CloseChildWorkflow(
                origin, child.namespace, child.workflow_id, first_run_id, child.parent_close_policy
            )
            transition.effects.append(Send(event_id, message))
        elif child.completed_event_id == completed_event_id:
            transition.effects.append(Settle(event_id))


# From its shard -----------------------------------------------------------------------------------------------------


def start_request(message: StartChildWorkflow) -> StartWorkflow:
    """What the child's shard is asked to start."""
    wanted = message.initiated
    return StartWorkflow(
        wanted.namespace,
        wanted.workflow_id,
        wanted.workflow_type,
        wanted.task_queue,
        wanted.input,
        message.origin.request_id,
        "",
        id_reuse_policy=wanted.id_reuse_policy,
        execution_timeout_ms=wanted.execution_timeout_ms,
        run_timeout_ms=wanted.run_timeout_ms,
        task_timeout_ms=wanted.task_timeout_ms,
        retry_policy=wanted.retry_policy,
        memo=wanted.memo,
        search_attributes=wanted.search_attributes,
        headers=wanted.headers,
        cron_schedule=wanted.cron_schedule,
        summary=wanted.summary,
        static_details=wanted.static_details,
        priority=wanted.priority,
        inherited_version=message.inherited_version,
        fairness=wanted.fairness,
    )


def record_started(state: MutableState, request: RecordChildStarted, now_us: int, transition: Transition) -> None:
    """The child's shard started it, or says why not."""
    event_id = request.initiated_event_id
    transition.effects.append(Settle(event_id))
    child = state.children.get(event_id)
    if child is None or child.phase != ChildPhase.INITIATED:
        return
    held = child.held_cancels
    if request.cause:
        attributes = StartChildWorkflowExecutionFailed(
            request.cause, child.namespace, child.workflow_id, child.workflow_type, event_id, child.completed_event_id
        )
        happen(state, transition, now_us, attributes)
        external.fail_held(state, held, now_us, transition)
    else:
        _happen_started(state, child, now_us, transition)
        external.send_held(state, held, transition)
    workflow_task.schedule(state, transition, now_us)


def _happen_started(state: MutableState, child: ChildState, now_us: int, transition: Transition) -> None:
    event_id = child.initiated_event_id
    run_id = run_id_for_child(state.run_of(event_id), event_id)
    started = ChildWorkflowExecutionStarted(child.namespace, child.workflow_id, run_id, child.workflow_type, event_id)
    happen(state, transition, now_us, started)


def record_closed(state: MutableState, request: RecordChildClosed, now_us: int, transition: Transition) -> None:
    """The child has closed; so it was started, whether the word of that has come or not."""
    event_id = request.parent.initiated_event_id
    child = state.children.get(event_id)
    if child is None or child.phase == ChildPhase.RESOLVED:
        return
    if child.phase == ChildPhase.INITIATED:
        transition.effects.append(Settle(event_id))
        held = child.held_cancels
        _happen_started(state, child, now_us, transition)
        external.fail_held(state, held, now_us, transition)
    happen(state, transition, now_us, _outcome(state, child, request))
    workflow_task.schedule(state, transition, now_us)


def _outcome(state: MutableState, child: ChildState, request: RecordChildClosed) -> Any:
    """The event that tells how the child ended."""
    who = (
        child.namespace,
        child.workflow_id,
        request.child_run_id,
        child.workflow_type,
        child.initiated_event_id,
        child.started_event_id,
    )
    match request.status:
        case ExecutionStatus.COMPLETED:
            return wire.ChildWorkflowExecutionCompleted(request.result, *who)
        case ExecutionStatus.FAILED:
            failure = request.failure or Failure("the child workflow failed", source="Engine")
            return wire.ChildWorkflowExecutionFailed(failure, *who, request.retry_state)
        case ExecutionStatus.CANCELED:
            return wire.ChildWorkflowExecutionCanceled(request.result, *who)
        case ExecutionStatus.TIMED_OUT:
            return wire.ChildWorkflowExecutionTimedOut(*who, request.retry_state)
        case ExecutionStatus.TERMINATED:
            return wire.ChildWorkflowExecutionTerminated(*who)
        case _:
            raise Bug(f"run {state.run_id}: a child closed with status {request.status}")
