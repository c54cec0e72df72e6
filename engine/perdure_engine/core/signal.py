"""Signals: durable when answered, in order of arrival, each request once."""

from __future__ import annotations

from perdure.protocol.events import WorkflowExecutionSignaled
from perdure.protocol.ids import text_problem
from perdure.protocol.replies import ErrorCode
from perdure.protocol.requests import SignalWorkflow
from perdure_engine.core import workflow_task
from perdure_engine.core.ledger import happen
from perdure_engine.core.limits import SIGNALS_MAX, size_problem
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import Remember, Transition


def receive(state: MutableState, request: SignalWorkflow, now_us: int, transition: Transition) -> None:
    """Record the signal; a repeated request is answered like the first."""
    if request.request_id in state.request_ids:
        transition.answer()
    elif record(state, request, now_us, transition):
        transition.answer()
        workflow_task.schedule(state, transition, now_us)


def record(state: MutableState, request: SignalWorkflow, now_us: int, transition: Transition) -> bool:
    """Write down a signal that is new. False if it is refused, which is answered."""
    if state.signal_count >= SIGNALS_MAX:
        transition.refuse(
            ErrorCode.RESOURCE_EXHAUSTED,
            f"workflow {state.workflow_id!r} has received {SIGNALS_MAX} signals, which is the limit of one run: "
            "start another one, or send what is waiting as one signal",
            run_id=state.run_id,
        )
        return False
    problem = signal_problem(request)
    if problem is not None:
        transition.refuse(ErrorCode.INVALID_ARGUMENT, problem)
        return False
    attributes = WorkflowExecutionSignaled(
        request.signal_name, request.input, request.identity, request.request_id, request.headers
    )
    happen(state, transition, now_us, attributes)
    transition.effects.append(Remember(request.request_id))
    return True


def signal_problem(request: SignalWorkflow) -> str | None:
    """What is wrong with a signal, or None."""
    return (
        text_problem("signal name", request.signal_name)
        or text_problem("request id", request.request_id)
        or size_problem("the input of signal", request.input, request.signal_name)
    )
