"""The pen: how a machine writes an event, or buffers it while a workflow task is out."""

from __future__ import annotations

from typing import Any

from perdure.protocol.events import (
    ActivityTaskCanceled,
    ActivityTaskCompleted,
    ActivityTaskFailed,
    ActivityTaskStarted,
    ActivityTaskTimedOut,
    EventBuffered,
    EventType,
    HistoryEvent,
)
from perdure_engine.core.fold import apply, buffer
from perdure_engine.core.state import BufferedEvent, MutableState
from perdure_engine.core.transition import Transition

_OUTCOMES = frozenset(
    {
        EventType.ACTIVITY_TASK_STARTED,
        EventType.ACTIVITY_TASK_COMPLETED,
        EventType.ACTIVITY_TASK_FAILED,
        EventType.ACTIVITY_TASK_TIMED_OUT,
        EventType.ACTIVITY_TASK_CANCELED,
        EventType.TIMER_FIRED,
    }
)


def emit(state: MutableState, transition: Transition, time_us: int, event_type: int, attributes: Any) -> int:
    """Append an event and apply it. Returns its id."""
    event_id = state.next_event_id
    event = HistoryEvent(event_id, time_us, event_type, attributes)
    transition.records.append(event)
    apply(state, event)
    return event_id


def annotate(state: MutableState, transition: Transition, time_us: int, event_type: int, attributes: Any) -> None:
    """Append a record that is no event."""
    record = HistoryEvent(0, time_us, event_type, attributes)
    transition.records.append(record)
    apply(state, record)


def happen(state: MutableState, transition: Transition, time_us: int, event_type: int, attributes: Any) -> None:
    """Something came from outside: an event now, or, while a workflow task is out, when that is closed."""
    if state.workflow_task is None:
        emit(state, transition, time_us, event_type, attributes)
    else:
        buffer(state, time_us, EventBuffered(event_type, attributes), stored=False)


def flush(state: MutableState, transition: Transition, held: list[BufferedEvent]) -> None:
    """Turn buffered events into events: first what people sent, then outcomes, each in order of arrival."""
    if not held:
        return
    started: dict[int, int] = {}
    for item in held:
        if item.event.event_type not in _OUTCOMES:
            emit(state, transition, item.time_us, item.event.event_type, item.event.attributes)
    for item in held:
        event_type, attributes = item.event
        if event_type not in _OUTCOMES:
            continue
        if isinstance(attributes, ActivityTaskStarted):
            event_id = emit(state, transition, item.time_us, event_type, attributes)
            started[attributes.scheduled_event_id] = event_id
            continue
        if isinstance(
            attributes, ActivityTaskCompleted | ActivityTaskFailed | ActivityTaskTimedOut | ActivityTaskCanceled
        ):
            attributes = attributes._replace(started_event_id=started.get(attributes.scheduled_event_id, 0))
        emit(state, transition, item.time_us, event_type, attributes)


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
