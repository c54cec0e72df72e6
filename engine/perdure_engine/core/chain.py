"""Chains of runs: what is meant for one chain must not befall a later one of the same workflow id."""

from __future__ import annotations

from perdure.protocol.replies import ErrorCode
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import Transition


def refuses(state: MutableState, first_execution_run_id: str, transition: Transition) -> bool:
    """Whether a request is for another chain than that of the run, which is answered. Empty: for any."""
    if not first_execution_run_id or first_execution_run_id == (state.started.first_execution_run_id or state.run_id):
        return False
    transition.refuse(
        ErrorCode.NOT_FOUND,
        f"workflow {state.workflow_id!r} has no open run in the chain that began with run {first_execution_run_id}; "
        "the open one belongs to a later chain, and was left alone: ask for it by a handle of its own",
        run_id=state.run_id,
    )
    return True
