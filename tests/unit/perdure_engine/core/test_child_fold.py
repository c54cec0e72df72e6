"""What a history says about children, and what it cannot."""

from __future__ import annotations

import pytest

from perdure.protocol import child_workflow as wire
from perdure.protocol.events import EventType, HistoryEvent
from perdure_engine.core.child_fold import CHILD_BUFFERED, CHILD_RULES, CHILD_TRANSITIONS, buffer_child
from perdure_engine.core.state import Bug, ChildPhase
from tests.unit.perdure_engine.core.runs import running
from tests.unit.perdure_engine.core.test_child import CHILD_RUN, command

STARTED = wire.ChildWorkflowExecutionStarted("default", "kid", CHILD_RUN, "Child", 5)
COMPLETED = wire.ChildWorkflowExecutionCompleted(b"", "default", "kid", CHILD_RUN, "Child", 5, 6)


def test_a_child_that_is_not_pending_takes_nothing() -> None:
    state = running().state
    record = HistoryEvent(9, 0, EventType.CHILD_WORKFLOW_EXECUTION_STARTED, STARTED)
    with pytest.raises(Bug, match="event type 31 for child 5, which is not pending"):
        CHILD_RULES[31](state, record)


def test_a_child_that_was_not_started_does_not_complete() -> None:
    state = running(command()).state
    record = HistoryEvent(9, 0, EventType.CHILD_WORKFLOW_EXECUTION_COMPLETED, COMPLETED)
    with pytest.raises(Bug, match=r"child 5 in <ChildPhase.INITIATED: 1> takes no 32"):
        CHILD_RULES[32](state, record)
    with pytest.raises(Bug, match="takes no 32"):
        buffer_child(state, 32, COMPLETED)


def test_whatever_is_buffered_can_become_an_event() -> None:
    for (_, event_type), phase in CHILD_BUFFERED.items():
        assert phase is not None
        assert (phase, event_type) in CHILD_TRANSITIONS
    assert {phase for phase, _ in CHILD_TRANSITIONS} == set(ChildPhase)
