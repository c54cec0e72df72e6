"""Each closing event tells an outcome, and no other event does."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.events import (
    EventType,
    HistoryEvent,
    TimerFired,
    WorkflowExecutionCanceled,
    WorkflowExecutionCompleted,
    WorkflowExecutionFailed,
    WorkflowExecutionTerminated,
    WorkflowExecutionTimedOut,
)
from perdure.protocol.failure import Failure, FailureKind, TerminatedInfo
from perdure.protocol.replies import ExecutionStatus, Outcome
from perdure_engine.core.outcome import outcome_of

BROKE = Failure("it broke")


@pytest.mark.parametrize(
    ("event_type", "attributes", "outcome"),
    [
        (
            EventType.WORKFLOW_EXECUTION_COMPLETED,
            WorkflowExecutionCompleted(b"done", 4),
            Outcome("run", ExecutionStatus.COMPLETED, b"done"),
        ),
        (
            EventType.WORKFLOW_EXECUTION_FAILED,
            WorkflowExecutionFailed(BROKE, 5, 4),
            Outcome("run", ExecutionStatus.FAILED, b"", BROKE),
        ),
        (
            EventType.WORKFLOW_EXECUTION_CANCELED,
            WorkflowExecutionCanceled(b"why", 4),
            Outcome("run", ExecutionStatus.CANCELED, b"why"),
        ),
        (
            EventType.WORKFLOW_EXECUTION_TERMINATED,
            WorkflowExecutionTerminated("enough", b"bye", "client"),
            Outcome("run", ExecutionStatus.TERMINATED, b"bye", Failure.of("enough", TerminatedInfo())),
        ),
        (
            EventType.WORKFLOW_EXECUTION_TERMINATED,
            WorkflowExecutionTerminated("", b"", "client"),
            Outcome("run", ExecutionStatus.TERMINATED, b"", Failure.of("Workflow terminated", TerminatedInfo())),
        ),
    ],
)
def test_what_a_closing_event_tells(event_type: EventType, attributes: Any, outcome: Outcome) -> None:
    assert outcome_of("run", HistoryEvent(9, 5, event_type, attributes)) == outcome


def test_a_timeout_says_so() -> None:
    event = HistoryEvent(9, 5, EventType.WORKFLOW_EXECUTION_TIMED_OUT, WorkflowExecutionTimedOut(3))
    outcome = outcome_of("run", event)
    assert outcome is not None
    assert outcome.status == ExecutionStatus.TIMED_OUT
    assert outcome.failure is not None
    assert outcome.failure.kind == FailureKind.TIMEOUT


def test_other_events_close_nothing() -> None:
    assert outcome_of("run", HistoryEvent(9, 5, EventType.TIMER_FIRED, TimerFired("nap", 5))) is None
