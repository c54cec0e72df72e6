"""What records of updates do: accepted once, completed once, after that."""

from __future__ import annotations

import pytest

from perdure.protocol.events import EventType, HistoryEvent
from perdure.protocol.updates import WorkflowExecutionUpdateAccepted, WorkflowExecutionUpdateCompleted
from perdure_engine.core.state import Bug, UpdatePhase
from perdure_engine.core.update_events import accepted, completed
from tests.unit.perdure_engine.core.runs import running

ACCEPTED = HistoryEvent(
    9,
    0,
    EventType.WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
    WorkflowExecutionUpdateAccepted("u1", "", 6, "change", b"", "client", b"", 8),
)
COMPLETED = HistoryEvent(
    10, 0, EventType.WORKFLOW_EXECUTION_UPDATE_COMPLETED, WorkflowExecutionUpdateCompleted("u1", 9, b"", None, 8)
)


def test_an_update_is_accepted_and_completed() -> None:
    state = running().state
    state.batch_no = 4
    accepted(state, ACCEPTED)
    assert (state.updates["u1"].phase, state.updates["u1"].accepted_event_id) == (UpdatePhase.ACCEPTED, 9)
    completed(state, COMPLETED)
    assert (state.updates["u1"].phase, state.updates["u1"].completed_batch_no) == (UpdatePhase.COMPLETED, 5)


def test_what_cannot_follow_is_a_bug() -> None:
    state = running().state
    with pytest.raises(Bug, match="update 'u1' in None takes no 43"):
        completed(state, COMPLETED)
    accepted(state, ACCEPTED)
    with pytest.raises(Bug, match="takes no 41"):
        accepted(state, ACCEPTED)
