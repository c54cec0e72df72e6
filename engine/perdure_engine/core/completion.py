"""How a workflow task completes: its two events, its commands, what was buffered, and the next task."""

from __future__ import annotations

from perdure.protocol.events import WorkflowTaskCompleted, WorkflowTaskStarted
from perdure.protocol.failure import Failure
from perdure.protocol.replies import TaskDropped
from perdure.protocol.requests import RespondWorkflowTaskCompleted
from perdure.protocol.tasks import TaskKind
from perdure.protocol.updates import ProtocolMessage, UpdateMessageKind
from perdure_engine.core import speculation, update, workflow_execution, workflow_task
from perdure_engine.core.command import carry_out, command_problem
from perdure_engine.core.ledger import emit, flush
from perdure_engine.core.limits import history_problem, history_warning
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import Relist, Retire, Transition, Warn


def complete(state: MutableState, request: RespondWorkflowTaskCompleted, now_us: int, transition: Transition) -> None:
    """The worker carried the workflow on: record it, carry out its commands, and schedule what is next."""
    task = workflow_task.current(state, request.scheduled_event_id, request.attempt, now_us)
    if task is None:
        workflow_task.refuse_stale(state, transition, request.scheduled_event_id, request.attempt)
        return
    problem = command_problem(state, request.commands)
    if problem is not None:
        transition.answer()
        failure = Failure(problem.message, source="Engine")
        workflow_task.give_back(
            state, transition, now_us, problem.cause, failure, request.identity, request.started_time_us
        )
        return
    scheduled_event_id = request.scheduled_event_id
    if not task.is_speculative:
        transition.effects.append(Retire(TaskKind.WORKFLOW, scheduled_event_id))
    elif _only_rejects(request):
        _drop(state, request, now_us, transition)
        return
    held, search_attributes = state.buffered, state.search_attributes
    workflow_task.open_transient(state, transition, task)
    started_event_id = emit(
        state,
        transition,
        workflow_task.started_time_us(task, request.started_time_us, now_us),
        WorkflowTaskStarted(scheduled_event_id, request.identity, request.history_size_bytes),
    )
    completed_event_id = emit(
        state,
        transition,
        now_us,
        WorkflowTaskCompleted(
            scheduled_event_id, started_event_id, request.identity, request.sticky_worker, request.version
        ),
    )
    if state.search_attributes is not search_attributes:  # they say which version the run is at
        transition.effects.append(Relist())
    for command in request.commands:
        held = carry_out(state, command, completed_event_id, now_us, transition, held)
    transition.answer()
    if not state.is_open:
        return
    flush(state, transition, held)
    if state.admitted:
        update.settle_unanswered(state, scheduled_event_id, request.attempt, now_us, transition)
    overgrown = history_problem(state.next_event_id - 1, state.history_size_bytes)
    if overgrown is not None:
        workflow_execution.end_overgrown(state, overgrown, now_us, transition)
        return
    if not state.is_warned_of:
        _warn_of_growth(state, transition)
    if held or request.wants_new_task:
        workflow_task.schedule(state, transition, now_us)
    elif state.admitted:
        speculation.begin(state, now_us, transition)


def _warn_of_growth(state: MutableState, transition: Transition) -> None:
    warning = history_warning(state.next_event_id - 1, state.history_size_bytes)
    if warning is not None:
        state.is_warned_of = True
        transition.effects.append(Warn(warning))


def _only_rejects(request: RespondWorkflowTaskCompleted) -> bool:
    return not request.wants_new_task and all(
        isinstance(command, ProtocolMessage) and command.kind == UpdateMessageKind.REJECTION
        for command in request.commands
    )


def _drop(state: MutableState, request: RespondWorkflowTaskCompleted, now_us: int, transition: Transition) -> None:
    """A speculative task came to nothing: its worker goes back to where it was."""
    for command in request.commands:
        if isinstance(command, ProtocolMessage):
            update.reject(state, command, now_us, transition)
    update.settle_unanswered(state, request.scheduled_event_id, request.attempt, now_us, transition)
    speculation.drop(state)
    transition.answer(TaskDropped(state.last_completed_event_id))
    speculation.begin(state, now_us, transition)
