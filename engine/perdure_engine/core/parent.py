"""What a run owes its parent: the word how it ended.

Rules: only the last run of a chain says so. A run that closes with a successor passes the link on to it instead.
"""

from __future__ import annotations

from perdure.protocol.messages import Origin, RecordChildClosed
from perdure_engine.core.state import Bug, MutableState
from perdure_engine.core.transition import Send, Transition


def report(state: MutableState, retry_state: int, transition: Transition) -> None:
    """The run has just closed: tell its parent, if it has one and nobody goes on in its place."""
    parent, outcome = state.started.parent, state.outcome
    if parent is None:
        return
    if outcome is None:
        raise Bug(f"run {state.run_id} is open: there is nothing to report to its parent")
    if outcome.next_run_id:
        return
    closed_event_id = state.next_event_id - 1
    message = RecordChildClosed(
        Origin(state.shard_id, state.run_id, closed_event_id),
        parent,
        state.namespace,
        state.workflow_id,
        state.run_id,
        state.started.workflow_type,
        state.started.first_execution_run_id,
        outcome.status,
        outcome.result,
        outcome.failure,
        retry_state,
    )
    transition.effects.append(Send(closed_event_id, message))
