"""The outcome of a run: what its closing event means to those who wait for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.protocol.events import EventType, HistoryEvent
from perdure.protocol.failure import Failure, TerminatedInfo, TimeoutInfo
from perdure.protocol.replies import ExecutionStatus, Outcome


def _completed(run_id: str, event: Any) -> Outcome:
    return Outcome(run_id, ExecutionStatus.COMPLETED, event.result, None, event.new_execution_run_id)


def _failed(run_id: str, event: Any) -> Outcome:
    return Outcome(run_id, ExecutionStatus.FAILED, b"", event.failure, event.new_execution_run_id)


def _canceled(run_id: str, event: Any) -> Outcome:
    return Outcome(run_id, ExecutionStatus.CANCELED, event.details)


def _terminated(run_id: str, event: Any) -> Outcome:
    failure = Failure.of(event.reason or "Workflow terminated", TerminatedInfo())
    return Outcome(run_id, ExecutionStatus.TERMINATED, event.details, failure, event.new_execution_run_id)


def _timed_out(run_id: str, event: Any) -> Outcome:
    failure = Failure.of("Workflow timed out", TimeoutInfo())
    return Outcome(run_id, ExecutionStatus.TIMED_OUT, b"", failure, event.new_execution_run_id)


def _continued(run_id: str, event: Any) -> Outcome:
    return Outcome(run_id, ExecutionStatus.CONTINUED_AS_NEW, b"", None, event.new_execution_run_id)


OUTCOMES: dict[int, Callable[[str, Any], Outcome]] = {
    EventType.WORKFLOW_EXECUTION_COMPLETED: _completed,
    EventType.WORKFLOW_EXECUTION_FAILED: _failed,
    EventType.WORKFLOW_EXECUTION_CANCELED: _canceled,
    EventType.WORKFLOW_EXECUTION_TERMINATED: _terminated,
    EventType.WORKFLOW_EXECUTION_TIMED_OUT: _timed_out,
    EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW: _continued,
}
"""Each type of event that closes a run, and the outcome that it tells."""


def outcome_of(run_id: str, event: HistoryEvent) -> Outcome | None:
    """How the run ended, if `event` is one that closes a run."""
    outcome = OUTCOMES.get(event.event_type)
    return None if outcome is None else outcome(run_id, event.attributes)
