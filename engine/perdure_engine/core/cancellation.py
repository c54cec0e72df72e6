"""Cancellation of a run: a request that the workflow sees once, and may clean up after or ignore."""

from __future__ import annotations

from perdure.protocol.events import WorkflowExecutionCancelRequested
from perdure.protocol.ids import text_problem
from perdure.protocol.replies import ErrorCode
from perdure.protocol.requests import RequestCancelWorkflow
from perdure_engine.core import chain, workflow_task
from perdure_engine.core.ledger import happen
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import Remember, Transition


def request(state: MutableState, request: RequestCancelWorkflow, now_us: int, transition: Transition) -> None:
    """A second request changes nothing, and is answered like the first."""
    problem = text_problem("request id", request.request_id)
    if problem is not None:
        transition.refuse(ErrorCode.INVALID_ARGUMENT, problem)
        return
    if chain.refuses(state, request.first_execution_run_id, transition):
        return
    transition.answer()
    if state.cancel_requested:
        return
    attributes = WorkflowExecutionCancelRequested(request.reason, request.identity, request.request_id)
    happen(state, transition, now_us, attributes)
    transition.effects.append(Remember(request.request_id))
    workflow_task.schedule(state, transition, now_us)
