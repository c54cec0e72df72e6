"""The machine of what a run sends to other workflows: signals, and requests to cancel. Each is asked for, and answered.

Those for a child wait until it is started: what overtook its start would not find it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from perdure.protocol.external_workflow import (
    ExternalWorkflowExecutionCancelRequested,
    ExternalWorkflowExecutionSignaled,
    RequestCancelExternalWorkflowExecution,
    RequestCancelExternalWorkflowExecutionFailed,
    RequestCancelExternalWorkflowExecutionInitiated,
    SignalExternalWorkflowExecution,
    SignalExternalWorkflowExecutionFailed,
    SignalExternalWorkflowExecutionInitiated,
)
from perdure.protocol.ids import is_run_id, run_id_for_child, text_problem
from perdure.protocol.messages import (
    CancelExternalWorkflow,
    Origin,
    RecordExternalAnswer,
    SignalExternalWorkflow,
)
from perdure_engine.core import workflow_task
from perdure_engine.core.ledger import emit, happen, held_event
from perdure_engine.core.limits import size_problem
from perdure_engine.core.state import BufferedEvent, ChildPhase, ExternalPhase, ExternalState, MutableState
from perdure_engine.core.transition import Send, Settle, Transition

NOT_FOUND = "EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND"
"""The cause of a failure: there is no open run of this workflow."""


# From the workflow --------------------------------------------------------------------------------------------------


def signal_problem(command: SignalExternalWorkflowExecution) -> str | None:
    """What is wrong with the command, or None."""
    return _target_problem(command.workflow_id, command.namespace) or (
        text_problem("the name of a signal to another workflow", command.signal_name)
        or size_problem("the input of signal", command.input, command.signal_name)
        or size_problem("the headers of signal", command.headers, command.signal_name)
    )


def cancel_problem(command: RequestCancelExternalWorkflowExecution) -> str | None:
    """What is wrong with the command, or None."""
    problem = _target_problem(command.workflow_id, command.namespace)
    return problem or (text_problem("the reason of a cancellation", command.reason) if command.reason else None)


def _target_problem(workflow_id: str, namespace: str) -> str | None:
    return text_problem("the id of another workflow", workflow_id) or (
        text_problem("the namespace of another workflow", namespace) if namespace else None
    )


def signal(
    state: MutableState,
    command: SignalExternalWorkflowExecution,
    completed_event_id: int,
    now_us: int,
    transition: Transition,
    held: list[BufferedEvent],
) -> list[BufferedEvent]:
    """Send a signal. Returns what is held for the flush after the commands, with its failure if nobody can get it."""
    initiated = SignalExternalWorkflowExecutionInitiated(
        completed_event_id,
        command.namespace or state.namespace,
        command.workflow_id,
        command.run_id,
        command.signal_name,
        command.input,
        command.headers,
        command.child_initiated_event_id,
    )
    event_id = emit(state, transition, now_us, initiated)
    if command.run_id and not is_run_id(command.run_id):
        return [*held, BufferedEvent(now_us, held_event(_signal_failure(state.external_signals[event_id], NOT_FOUND)))]
    message = SignalExternalWorkflow(
        Origin(state.shard_id, state.run_id, event_id),
        initiated.namespace,
        command.workflow_id,
        command.run_id,
        command.signal_name,
        command.input,
        identity_of(state),
        command.headers,
        _first_run_id(state, command.child_initiated_event_id),
    )
    transition.effects.append(Send(event_id, message))
    return held


def request_cancel(
    state: MutableState,
    command: RequestCancelExternalWorkflowExecution,
    completed_event_id: int,
    now_us: int,
    transition: Transition,
    held: list[BufferedEvent],
) -> list[BufferedEvent]:
    """Ask another workflow to stop. Returns what is held for the flush after the commands, with its failure if there is
    nobody to ask."""
    child_event_id = command.child_initiated_event_id
    initiated = RequestCancelExternalWorkflowExecutionInitiated(
        completed_event_id,
        command.namespace or state.namespace,
        command.workflow_id,
        command.run_id,
        command.reason,
        child_event_id,
    )
    event_id = emit(state, transition, now_us, initiated)
    pending = state.external_cancels[event_id]
    child = state.children.get(child_event_id)
    if child is not None and child.phase == ChildPhase.INITIATED:
        return held  # it is sent when the child is started
    is_over = child_event_id and (child is None or child.phase == ChildPhase.RESOLVED)
    if is_over or (command.run_id and not is_run_id(command.run_id)):
        return [*held, BufferedEvent(now_us, held_event(_cancel_failure(pending, NOT_FOUND)))]
    _send_cancel(state, pending, transition)
    return held


def _send_cancel(state: MutableState, pending: ExternalState, transition: Transition) -> None:
    message = CancelExternalWorkflow(
        Origin(state.shard_id, state.run_id, pending.initiated_event_id),
        pending.namespace,
        pending.workflow_id,
        pending.run_id,
        pending.reason,
        identity_of(state),
        _first_run_id(state, pending.child_initiated_event_id),
    )
    transition.effects.append(Send(pending.initiated_event_id, message))


def identity_of(state: MutableState) -> str:
    """Who sent it, as the history of the other workflow says."""
    return f"workflow {state.workflow_id}"


def _first_run_id(state: MutableState, child_initiated_event_id: int) -> str:
    if not child_initiated_event_id:
        return ""
    return run_id_for_child(state.run_of(child_initiated_event_id), child_initiated_event_id)


# When a child is started, or is not ---------------------------------------------------------------------------------


def send_held(state: MutableState, event_ids: Iterable[int], transition: Transition) -> None:
    """The child is started: what waited for that may go."""
    for event_id in event_ids:
        _send_cancel(state, state.external_cancels[event_id], transition)


def fail_held(state: MutableState, event_ids: Iterable[int], now_us: int, transition: Transition) -> None:
    """The child is not there, or not any more: what waited for its start finds nobody."""
    for event_id in event_ids:
        happen(state, transition, now_us, _cancel_failure(state.external_cancels[event_id], NOT_FOUND))


# From the other workflow's shard ------------------------------------------------------------------------------------


def record_answer(state: MutableState, request: RecordExternalAnswer, now_us: int, transition: Transition) -> None:
    """The signal, or the request to cancel, arrived, or could not. An answer that comes again changes nothing."""
    event_id = request.initiated_event_id
    transition.effects.append(Settle(event_id))
    sent = state.external_signals.get(event_id)
    asked = state.external_cancels.get(event_id)
    pending = sent or asked
    if pending is None or pending.phase != ExternalPhase.INITIATED:
        return
    if sent is not None:
        attributes = (
            _signal_failure(sent, request.cause)
            if request.cause
            else ExternalWorkflowExecutionSignaled(sent.namespace, sent.workflow_id, sent.run_id, event_id)
        )
        happen(state, transition, now_us, attributes)
    else:
        outcome = (
            _cancel_failure(pending, request.cause)
            if request.cause
            else ExternalWorkflowExecutionCancelRequested(
                pending.namespace, pending.workflow_id, pending.run_id, event_id
            )
        )
        happen(state, transition, now_us, outcome)
    workflow_task.schedule(state, transition, now_us)


_Failed = TypeVar(
    "_Failed", SignalExternalWorkflowExecutionFailed, RequestCancelExternalWorkflowExecutionFailed
)  # which say the same


def _failure(kind: type[_Failed], pending: ExternalState, cause: str) -> _Failed:
    target = (pending.namespace, pending.workflow_id, pending.run_id)
    return kind(cause, *target, pending.initiated_event_id, pending.completed_event_id)


def _signal_failure(pending: ExternalState, cause: str) -> SignalExternalWorkflowExecutionFailed:
    return _failure(SignalExternalWorkflowExecutionFailed, pending, cause)


def _cancel_failure(pending: ExternalState, cause: str) -> RequestCancelExternalWorkflowExecutionFailed:
    return _failure(RequestCancelExternalWorkflowExecutionFailed, pending, cause)
