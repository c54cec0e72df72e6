"""The client's states are the protocol's."""

from __future__ import annotations

from perdure.client.status import PendingActivityState, WorkflowExecutionStatus
from perdure.protocol.replies import ExecutionStatus


def test_the_statuses_are_those_of_the_wire() -> None:
    assert {s.name: s.value for s in WorkflowExecutionStatus} == {s.name: s.value for s in ExecutionStatus}


def test_a_pending_activity_is_in_one_of_three_states() -> None:
    assert [state.name for state in PendingActivityState] == ["SCHEDULED", "STARTED", "CANCEL_REQUESTED"]
