"""The sequence of events: their ids, which may follow which, and that a closing event is the last record."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from perdure.protocol.events import EVENTS, EventType, HistoryEvent
from tests.legality.kinds import ANNOTATIONS, KIND_OF, Kind


class Phase(Enum):
    NOTHING = "there is nothing yet"
    BEGUN = "the run has begun"
    TASK = "a workflow task is scheduled"
    RUNNING = "a workflow task is started"
    COMMANDS = "a workflow task is completed"
    RETRY = "a workflow task failed, and is to be tried again"
    NEWS = "something came from outside, for the next workflow task"
    LAST_NEWS = "something came from outside, while a workflow task was taken back"
    CLOSED = "the run is closed"


FOLLOWS: dict[tuple[Phase, Kind], Phase] = {
    (Phase.NOTHING, Kind.BEGIN): Phase.BEGUN,
    (Phase.BEGUN, Kind.SCHEDULED): Phase.TASK,
    (Phase.BEGUN, Kind.OUTSIDE): Phase.NEWS,
    (Phase.BEGUN, Kind.CLOSED_FROM_OUTSIDE): Phase.CLOSED,
    (Phase.TASK, Kind.STARTED): Phase.RUNNING,
    (Phase.TASK, Kind.OUTSIDE): Phase.LAST_NEWS,
    (Phase.TASK, Kind.CLOSED_FROM_OUTSIDE): Phase.CLOSED,
    (Phase.LAST_NEWS, Kind.OUTSIDE): Phase.LAST_NEWS,
    (Phase.LAST_NEWS, Kind.CLOSED_FROM_OUTSIDE): Phase.CLOSED,
    (Phase.RUNNING, Kind.COMPLETED): Phase.COMMANDS,
    (Phase.RUNNING, Kind.FAILED): Phase.RETRY,
    (Phase.COMMANDS, Kind.COMMAND): Phase.COMMANDS,
    (Phase.COMMANDS, Kind.SCHEDULED): Phase.TASK,  # for the sake of an update, of which nothing is written before
    (Phase.COMMANDS, Kind.OUTSIDE): Phase.NEWS,
    (Phase.COMMANDS, Kind.CLOSED_BY_COMMAND): Phase.CLOSED,
    (Phase.COMMANDS, Kind.CLOSED_FROM_OUTSIDE): Phase.CLOSED,
    (Phase.RETRY, Kind.SCHEDULED): Phase.TASK,
    (Phase.RETRY, Kind.OUTSIDE): Phase.NEWS,
    (Phase.RETRY, Kind.CLOSED_FROM_OUTSIDE): Phase.CLOSED,
    (Phase.NEWS, Kind.OUTSIDE): Phase.NEWS,
    (Phase.NEWS, Kind.SCHEDULED): Phase.TASK,
    (Phase.NEWS, Kind.CLOSED_BY_COMMAND): Phase.CLOSED,  # what a command settled at once comes before the close
    (Phase.NEWS, Kind.CLOSED_FROM_OUTSIDE): Phase.CLOSED,
}
"""Which event may come in which phase, and what follows. A missing row is a violation."""

OPEN = frozenset(Phase) - {Phase.NOTHING, Phase.CLOSED}

ANNOTATED: dict[int, frozenset[Phase]] = {
    EventType.WORKFLOW_TASK_ATTEMPT_FAILED: frozenset({Phase.RETRY}),
    EventType.EVENT_BUFFERED: frozenset({Phase.TASK, Phase.RETRY}),
}
"""Phases in which an annotation may come, where those are not all in which the run is open."""


class Sequence:
    def __init__(self) -> None:
        self._phase = Phase.NOTHING
        self._next_event_id = 1

    def take(self, record: HistoryEvent) -> Iterator[str]:
        known = EVENTS.kind_of.get(type(record.attributes))
        if known != record.event_type:
            yield f"its type is {record.event_type}, its attributes are of type {known}"
        if record.event_id == 0:
            yield from self._annotation(record)
            return
        if record.event_id != self._next_event_id:
            yield f"its id should be {self._next_event_id}"
        self._next_event_id = record.event_id + 1
        kind = KIND_OF.get(record.event_type)
        if kind is None:
            yield f"{record.event_type} is no type of event"
            return
        phase = FOLLOWS.get((self._phase, kind))
        if phase is None:
            yield f"{EventType(record.event_type).name} may not come here: {self._phase.value}"
            return
        self._phase = phase

    def _annotation(self, record: HistoryEvent) -> Iterator[str]:
        if record.event_type not in ANNOTATIONS:
            yield f"{record.event_type} is no annotation, and has no event id"
        elif self._phase not in ANNOTATED.get(record.event_type, OPEN):
            yield f"{EventType(record.event_type).name} may not come here: {self._phase.value}"
