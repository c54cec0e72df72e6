"""How records change what a run knows of its children: a part of the fold.

The tables say from which phase a child may take which record; a missing row is a `Bug`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from perdure.protocol.events import EventType, HistoryEvent
from perdure_engine.core.state import Bug, ChildPhase, ChildState, MutableState

_OUTCOMES = (
    EventType.CHILD_WORKFLOW_EXECUTION_COMPLETED,
    EventType.CHILD_WORKFLOW_EXECUTION_FAILED,
    EventType.CHILD_WORKFLOW_EXECUTION_CANCELED,
    EventType.CHILD_WORKFLOW_EXECUTION_TIMED_OUT,
    EventType.CHILD_WORKFLOW_EXECUTION_TERMINATED,
)

CHILD_TRANSITIONS: dict[tuple[ChildPhase, EventType], ChildPhase | None] = {
    (ChildPhase.INITIATED, EventType.CHILD_WORKFLOW_EXECUTION_STARTED): ChildPhase.STARTED,
    (ChildPhase.STARTED, EventType.CHILD_WORKFLOW_EXECUTION_STARTED): ChildPhase.STARTED,
    (ChildPhase.RESOLVED, EventType.CHILD_WORKFLOW_EXECUTION_STARTED): ChildPhase.RESOLVED,
    (ChildPhase.INITIATED, EventType.START_CHILD_WORKFLOW_EXECUTION_FAILED): None,
    (ChildPhase.RESOLVED, EventType.START_CHILD_WORKFLOW_EXECUTION_FAILED): None,
    **{(ChildPhase.STARTED, outcome): None for outcome in _OUTCOMES},
    **{(ChildPhase.RESOLVED, outcome): None for outcome in _OUTCOMES},
}
"""Phase and record to the next phase; None: the child is no longer pending."""

CHILD_BUFFERED: dict[tuple[ChildPhase, EventType], ChildPhase | None] = {
    (ChildPhase.INITIATED, EventType.CHILD_WORKFLOW_EXECUTION_STARTED): ChildPhase.STARTED,
    (ChildPhase.INITIATED, EventType.START_CHILD_WORKFLOW_EXECUTION_FAILED): ChildPhase.RESOLVED,
    **{(ChildPhase.STARTED, outcome): ChildPhase.RESOLVED for outcome in _OUTCOMES},
}
"""The same for what has to wait until the workflow task is closed: it is settled at once."""


def _initiated(state: MutableState, record: HistoryEvent) -> None:
    attributes = record.attributes
    state.children[record.event_id] = ChildState(
        record.event_id,
        attributes.workflow_task_completed_event_id,
        attributes.namespace,
        attributes.workflow_id,
        attributes.workflow_type,
        attributes.parent_close_policy,
    )


def _step(
    state: MutableState,
    attributes: Any,
    event_type: int,
    table: Mapping[tuple[ChildPhase, EventType], ChildPhase | None],
) -> ChildState:
    event_id = attributes.initiated_event_id
    child = state.children.get(event_id)
    if child is None:
        raise Bug(f"run {state.run_id}: event type {event_type} for child {event_id}, which is not pending")
    try:
        phase = table[child.phase, event_type]  # type: ignore[index]  # an int equals its EventType
    except KeyError:
        raise Bug(f"run {state.run_id}: child {event_id} in {child.phase!r} takes no {event_type}") from None
    if phase is None:
        del state.children[event_id]
    else:
        child.phase = phase
    if child.held_cancels and phase != ChildPhase.INITIATED:
        child.held_cancels = ()
    return child


def _changed(state: MutableState, record: HistoryEvent) -> None:
    _step(state, record.attributes, record.event_type, CHILD_TRANSITIONS)


def _started(state: MutableState, record: HistoryEvent) -> None:
    child = _step(state, record.attributes, record.event_type, CHILD_TRANSITIONS)
    child.started_event_id = record.event_id


def buffer_child(state: MutableState, event_type: int, attributes: Any) -> None:
    """What a child's event settles, though it has to wait."""
    _step(state, attributes, event_type, CHILD_BUFFERED)


CHILD_RULES: dict[int, Callable[[MutableState, HistoryEvent], None]] = {
    EventType.START_CHILD_WORKFLOW_EXECUTION_INITIATED: _initiated,
    EventType.CHILD_WORKFLOW_EXECUTION_STARTED: _started,
    EventType.START_CHILD_WORKFLOW_EXECUTION_FAILED: _changed,
    **dict.fromkeys(_OUTCOMES, _changed),
}
"""What each type of record does to the state."""

CHILD_OUTCOMES: frozenset[int] = frozenset(map(int, _OUTCOMES))
"""Events that tell how a child ended: what they refer to is known when they become events."""

CHILD_NEWS: frozenset[int] = CHILD_OUTCOMES | {
    int(EventType.CHILD_WORKFLOW_EXECUTION_STARTED),
    int(EventType.START_CHILD_WORKFLOW_EXECUTION_FAILED),
}
"""Events that come from a child's shard."""
