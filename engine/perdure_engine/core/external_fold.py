"""How records change what a run knows of its signals to other workflows, and of its requests to cancel them: a part of
the fold.

The table says from which phase one may take which record; a missing row is a `Bug`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.protocol.events import EventType, HistoryEvent
from perdure_engine.core.state import Bug, ChildPhase, ExternalPhase, ExternalState, MutableState

_SIGNALED = EventType.EXTERNAL_WORKFLOW_EXECUTION_SIGNALED
_SIGNAL_FAILED = EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED
_CANCEL_REQUESTED = EventType.EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED
_CANCEL_FAILED = EventType.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED

EXTERNAL_TRANSITIONS: dict[tuple[ExternalPhase, EventType], ExternalPhase | None] = {
    (ExternalPhase.INITIATED, EventType.EVENT_BUFFERED): ExternalPhase.RESOLVED,
    (ExternalPhase.INITIATED, _SIGNALED): None,
    (ExternalPhase.RESOLVED, _SIGNALED): None,
    (ExternalPhase.INITIATED, _SIGNAL_FAILED): None,
    (ExternalPhase.RESOLVED, _SIGNAL_FAILED): None,
    (ExternalPhase.INITIATED, _CANCEL_REQUESTED): None,
    (ExternalPhase.RESOLVED, _CANCEL_REQUESTED): None,
    (ExternalPhase.INITIATED, _CANCEL_FAILED): None,
    (ExternalPhase.RESOLVED, _CANCEL_FAILED): None,
}
"""Phase and record to the next phase; None: it is no longer pending."""


def _state_of(record: HistoryEvent, reason: str) -> ExternalState:
    attributes = record.attributes
    return ExternalState(
        record.event_id,
        attributes.workflow_task_completed_event_id,
        attributes.namespace,
        attributes.workflow_id,
        attributes.run_id,
        attributes.child_initiated_event_id,
        reason,
    )


def _signal_initiated(state: MutableState, record: HistoryEvent) -> None:
    state.external_signals[record.event_id] = _state_of(record, "")


def _cancel_initiated(state: MutableState, record: HistoryEvent) -> None:
    state.external_cancels[record.event_id] = _state_of(record, record.attributes.reason)
    child = state.children.get(record.attributes.child_initiated_event_id)
    if child is not None and child.phase == ChildPhase.INITIATED:
        child.held_cancels = (*child.held_cancels, record.event_id)


def _step(state: MutableState, pending: dict[int, ExternalState], event_id: int, event_type: int) -> None:
    external = pending.get(event_id)
    if external is None:
        raise Bug(f"run {state.run_id}: an answer to event {event_id}, which waits for none")
    try:
        phase = EXTERNAL_TRANSITIONS[external.phase, event_type]  # type: ignore[index]  # an int equals its EventType
    except KeyError:
        raise Bug(f"run {state.run_id}: event {event_id} in {external.phase!r} takes no {event_type}") from None
    if phase is None:
        del pending[event_id]
    else:
        external.phase = phase
    child = state.children.get(external.child_initiated_event_id)
    if child is not None and event_id in child.held_cancels:
        # It is answered though it was held: the run before a reset had sent it.
        child.held_cancels = tuple([held for held in child.held_cancels if held != event_id])


def _signal_answered(state: MutableState, record: HistoryEvent) -> None:
    _step(state, state.external_signals, record.attributes.initiated_event_id, record.event_type)


def _cancel_answered(state: MutableState, record: HistoryEvent) -> None:
    _step(state, state.external_cancels, record.attributes.initiated_event_id, record.event_type)


def buffer_answer(state: MutableState, event_type: int, attributes: Any) -> None:
    """What an answer settles, though it has to wait."""
    pending = state.external_signals if event_type in (_SIGNALED, _SIGNAL_FAILED) else state.external_cancels
    _step(state, pending, attributes.initiated_event_id, EventType.EVENT_BUFFERED)


EXTERNAL_RULES: dict[int, Callable[[MutableState, HistoryEvent], None]] = {
    EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: _signal_initiated,
    EventType.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: _cancel_initiated,
    _SIGNALED: _signal_answered,
    _SIGNAL_FAILED: _signal_answered,
    _CANCEL_REQUESTED: _cancel_answered,
    _CANCEL_FAILED: _cancel_answered,
}
"""What each type of record does to the state."""

EXTERNAL_ANSWERS: frozenset[int] = frozenset(
    {int(_SIGNALED), int(_SIGNAL_FAILED), int(_CANCEL_REQUESTED), int(_CANCEL_FAILED)}
)
"""Events that come from another workflow's shard."""
