"""The buffer: what happened while a workflow task was out becomes events when that is closed, each once, in order.

Of what was buffered and became events within one batch there is no trace; this reads the annotations of the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perdure.protocol.events import (
    ActivityTaskStarted,
    EventBuffered,
    EventType,
    HistoryEvent,
    TimerCanceled,
    TimerFired,
)
from tests.legality.kinds import CLOSINGS, KIND_OF, SENT_BY_PEOPLE, Kind


class Buffer:
    def __init__(self) -> None:
        self._people: list[HistoryEvent] = []
        self._outcomes: list[HistoryEvent] = []

    def take(self, record: HistoryEvent) -> Iterator[str]:
        if isinstance(record.attributes, EventBuffered):
            held = self._people if record.attributes.event_type in SENT_BY_PEOPLE else self._outcomes
            if KIND_OF.get(record.attributes.event_type) is not Kind.OUTSIDE:
                yield f"{record.attributes.event_type} is not what is buffered"
            if record.attributes.started_time_us:
                held.append(_start_of(record.attributes))
            held.append(record)
            return
        kind = KIND_OF.get(record.event_type)
        if isinstance(record.attributes, TimerCanceled):
            self._outcomes = [item for item in self._outcomes if not _is_firing(item, record.attributes)]
        elif kind is Kind.OUTSIDE:
            yield from self._release(record)
        elif kind is Kind.CLOSED_BY_COMMAND and (self._people or self._outcomes):
            yield "the workflow closed while new events were waiting for it"
        elif kind in CLOSINGS or (kind is Kind.SCHEDULED and record.attributes.attempt == 1):
            # A later attempt was out all the while, and gets its Scheduled event only when it is closed.
            for item in (*self._people, *self._outcomes):
                yield f"{EventType(item.attributes.event_type).name} was buffered, and never became an event: {item}"
            self._people, self._outcomes = [], []

    def _release(self, record: HistoryEvent) -> Iterator[str]:
        """An event came from outside: if it was buffered, it must be the next one of its kind."""
        held = self._people if record.event_type in SENT_BY_PEOPLE else self._outcomes
        same = [number for number, item in enumerate(held) if _is_same(item.attributes, record)]
        if not same:
            if held:
                yield f"it stands before {held[0]}, which was buffered"
            return
        if same[0] != 0:
            yield f"it stands before {held[0]}, which was buffered earlier"
        item = held.pop(same[0])
        if item.time_us != record.time_us:
            yield f"it is dated {record.time_us}, and happened at {item.time_us}"


def _is_firing(item: HistoryEvent, canceled: TimerCanceled) -> bool:
    """A timer that fired too late to be seen, and was cancelled, never fired."""
    attributes = item.attributes.attributes
    return isinstance(attributes, TimerFired) and attributes.started_event_id == canceled.started_event_id


def _start_of(buffered: EventBuffered) -> HistoryEvent:
    """The Started event that comes with an outcome, as if it had been buffered before that."""
    started = ActivityTaskStarted(buffered.attributes.scheduled_event_id, buffered.identity, buffered.attempt)
    event = EventBuffered(EventType.ACTIVITY_TASK_STARTED, started)
    return HistoryEvent(0, buffered.started_time_us, EventType.EVENT_BUFFERED, event)


def _is_same(buffered: EventBuffered, record: HistoryEvent) -> bool:
    """Whether this event is the one that was buffered. The id of its Started event is known only now, and the failure
    before it is read elsewhere."""
    if buffered.event_type != record.event_type:
        return False
    now: Any = record.attributes
    then: Any = buffered.attributes
    if hasattr(now, "started_event_id") and not isinstance(now, TimerFired):
        then = then._replace(started_event_id=now.started_event_id)
    elif isinstance(now, ActivityTaskStarted):
        then = then._replace(last_failure=now.last_failure)
    return bool(now == then)
