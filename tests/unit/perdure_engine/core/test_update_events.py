"""What records of updates do: accepted once, completed once, after that."""

from __future__ import annotations

import pytest

from perdure.protocol.events import EventType, HistoryEvent
from perdure.protocol.updates import (
    UpdateDelivery,
    UpdateForgotten,
    WorkflowExecutionUpdateAccepted,
    WorkflowExecutionUpdateAdmitted,
    WorkflowExecutionUpdateCompleted,
)
from perdure_engine.core.state import Bug, UpdatePhase
from perdure_engine.core.update_events import accepted, admitted, completed, forgotten
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


def test_what_a_reset_admits_waits_until_it_is_accepted_or_forgotten() -> None:
    state = running().state
    record = HistoryEvent(
        5,
        0,
        EventType.WORKFLOW_EXECUTION_UPDATE_ADMITTED,
        WorkflowExecutionUpdateAdmitted("u1", "change", b"x", "client", b""),
    )
    admitted(state, record)
    assert state.admitted["u1"].delivery == UpdateDelivery("u1", "change", b"x", "client")
    assert state.admitted["u1"].is_stored
    accepted(state, ACCEPTED)
    assert not state.admitted
    other = record._replace(attributes=record.attributes._replace(update_id="u2"))
    admitted(state, other)
    forgotten(state, HistoryEvent(0, 0, EventType.UPDATE_FORGOTTEN, UpdateForgotten("u2")))
    assert not state.admitted
