"""Signals: durable when answered, in order of arrival, each request once."""

from __future__ import annotations

from perdure.protocol.events import EventType, WorkflowExecutionSignaled
from perdure.protocol.payload import PAYLOAD_SIZE_MAX
from perdure.protocol.replies import ErrorCode
from perdure.protocol.requests import SignalWorkflow
from perdure_engine.core import workflow_task
from perdure_engine.core.ledger import happen
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import Remember, Transition

SIGNALS_MAX = 10_000
"""Signals that one run may receive (Temporal's limit)."""


def receive(state: MutableState, request: SignalWorkflow, now_us: int, transition: Transition) -> None:
    if request.request_id in state.request_ids:
        transition.answer()
        return
    if state.signal_count >= SIGNALS_MAX:
        transition.refuse(
            ErrorCode.RESOURCE_EXHAUSTED,
            f"workflow {state.workflow_id!r} has received {SIGNALS_MAX} signals, which is the limit of one run",
            run_id=state.run_id,
        )
        return
    if len(request.input) > PAYLOAD_SIZE_MAX:
        transition.refuse(
            ErrorCode.INVALID_ARGUMENT,
            f"the input of signal {request.signal_name!r} has {len(request.input)} bytes; the limit is "
            f"{PAYLOAD_SIZE_MAX}: store the data elsewhere and send a reference",
        )
        return
    attributes = WorkflowExecutionSignaled(
        request.signal_name, request.input, request.identity, request.request_id, request.headers
    )
    happen(state, transition, now_us, EventType.WORKFLOW_EXECUTION_SIGNALED, attributes)
    transition.effects.append(Remember(request.request_id))
    transition.answer()
    workflow_task.schedule(state, transition, now_us)
