"""The client's states are the protocol's."""

from __future__ import annotations

from perdure.client.status import PendingActivityState, WorkflowExecutionStatus
from perdure.protocol.replies import ExecutionStatus


def test_the_statuses_are_those_of_the_wire() -> None:
    assert {s.name: s.value for s in WorkflowExecutionStatus} == {s.name: s.value for s in ExecutionStatus}


def test_the_states_of_a_pending_activity_are_temporals() -> None:
    states = {"SCHEDULED": 1, "STARTED": 2, "CANCEL_REQUESTED": 3, "PAUSED": 4, "PAUSE_REQUESTED": 5}
    assert {state.name: state.value for state in PendingActivityState} == states
