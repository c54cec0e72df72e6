"""The pen: how a machine writes an event, or buffers it while a workflow task is out."""

from __future__ import annotations

from typing import Any

from perdure.protocol.events import (
    EVENTS,
    ActivityTaskCanceled,
    ActivityTaskCompleted,
    ActivityTaskFailed,
    ActivityTaskStarted,
    ActivityTaskTimedOut,
    EventBuffered,
    EventType,
    HistoryEvent,
    TimerFired,
)
from perdure_engine.core.fold import apply, buffer
from perdure_engine.core.state import BufferedEvent, MutableState
from perdure_engine.core.transition import Transition

_OUTCOMES = (
    ActivityTaskStarted,
    ActivityTaskCompleted,
    ActivityTaskFailed,
    ActivityTaskTimedOut,
    ActivityTaskCanceled,
    TimerFired,
)

_TYPE_OF = EVENTS.kind_of
"""The event type of each class of attributes."""


def emit(state: MutableState, transition: Transition, time_us: int, attributes: Any) -> int:
    """Append the event that has these attributes, and apply it. Returns its id."""
    event_id = state.next_event_id
    event = HistoryEvent(event_id, time_us, _TYPE_OF[type(attributes)], attributes)
    transition.records.append(event)
    apply(state, event)
    return event_id


def annotate(state: MutableState, transition: Transition, time_us: int, attributes: Any) -> None:
    """Append a record that is no event."""
    record = HistoryEvent(0, time_us, _TYPE_OF[type(attributes)], attributes)
    transition.records.append(record)
    apply(state, record)


def happen(state: MutableState, transition: Transition, time_us: int, attributes: Any) -> None:
    """Something came from outside: an event now, or, while a workflow task is out, when that is closed."""
    if state.workflow_task is None:
        emit(state, transition, time_us, attributes)
    else:
        buffer(state, time_us, held_event(attributes), stored=False)


def held_event(attributes: Any) -> EventBuffered:
    """An event that is to wait."""
    return EventBuffered(_TYPE_OF[type(attributes)], attributes)


def flush(state: MutableState, transition: Transition, held: list[BufferedEvent]) -> None:
    """Turn buffered events into events: first what people sent, then outcomes, each in order of arrival."""
    if not held:
        return
    started: dict[int, int] = {}
    for item in held:
        if not isinstance(item.event.attributes, _OUTCOMES):
            emit(state, transition, item.time_us, item.event.attributes)
    for item in held:
        attributes = item.event.attributes
        if not isinstance(attributes, _OUTCOMES):
            continue
        if isinstance(attributes, ActivityTaskStarted):
            started[attributes.scheduled_event_id] = emit(state, transition, item.time_us, attributes)
            continue
        if not isinstance(attributes, TimerFired):
            attributes = attributes._replace(started_event_id=started.get(attributes.scheduled_event_id, 0))
        emit(state, transition, item.time_us, attributes)


def seal(state: MutableState) -> list[HistoryEvent]:
    """The annotations that keep what is still buffered at the end of a batch; each is stored once.

    An event that was buffered and flushed within one batch never becomes an annotation.
    """
    records = []
    for item in state.buffered:
        if not item.stored:
            item.stored = True
            records.append(HistoryEvent(0, item.time_us, EventType.EVENT_BUFFERED, item.event))
    return records
