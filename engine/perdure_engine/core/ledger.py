"""The pen: how a machine writes an event, or buffers it while a workflow task is out."""

from __future__ import annotations

from typing import Any

from perdure.protocol.events import (
    EVENTS,
    ActivityTaskCompleted,
    ActivityTaskStarted,
    EventBuffered,
    EventType,
    HistoryEvent,
    WorkflowTaskScheduled,
)
from perdure.protocol.tasks import TaskKind
from perdure_engine.core.child_fold import CHILD_OUTCOMES
from perdure_engine.core.fold import apply, buffer
from perdure_engine.core.state import BufferedEvent, Bug, MutableState, WorkflowTaskState
from perdure_engine.core.transition import Dispatch, Transition

_OUTCOMES = frozenset(
    int(kind)
    for kind in (
        EventType.ACTIVITY_TASK_COMPLETED,
        EventType.ACTIVITY_TASK_FAILED,
        EventType.ACTIVITY_TASK_TIMED_OUT,
        EventType.ACTIVITY_TASK_CANCELED,
        EventType.TIMER_FIRED,
        *CHILD_OUTCOMES,
    )
)
"""What follows from commands; anything else that is buffered was sent by people."""

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
    task = state.workflow_task
    if task is None:
        emit(state, transition, time_us, attributes)
    else:
        if task.is_speculative:
            _make_ordinary(state, transition, task)
        buffer(state, time_us, held_event(attributes), stored=False)


def settle(
    state: MutableState,
    transition: Transition,
    time_us: int,
    attempt: int,
    outcome: Any,
    started_us: int,
    identity: str,
) -> None:
    """The outcome of an activity came, with the Started event of this attempt (`started_us` 0: it never ran)."""
    task = state.workflow_task
    if task is not None and task.is_speculative:
        _make_ordinary(state, transition, task)
    if task is None:
        if started_us:
            _start(state, transition, started_us, outcome.scheduled_event_id, identity, attempt)
        emit(state, transition, time_us, outcome)
    elif started_us:
        event = EventBuffered(_TYPE_OF[type(outcome)], outcome, started_us, identity, attempt)
        buffer(state, time_us, event, stored=False)
    else:
        buffer(state, time_us, held_event(outcome), stored=False)


def _start(
    state: MutableState, transition: Transition, time_us: int, scheduled_event_id: int, identity: str, attempt: int
) -> int:
    last_failure = state.activities[scheduled_event_id].last_failure
    return emit(state, transition, time_us, ActivityTaskStarted(scheduled_event_id, identity, attempt, last_failure))


def _make_ordinary(state: MutableState, transition: Transition, task: WorkflowTaskState) -> None:
    """A speculative task gets its Scheduled event, under the id that its worker knows it by, and its row: from now on
    something waits for it that must not be lost. It is out already, and not published again."""
    scheduled = WorkflowTaskScheduled(state.task_queue, state.started.task_timeout_ms, 1)
    event_id = emit(state, transition, task.scheduled_time_us, scheduled)
    ordinary = state.workflow_task
    if ordinary is None:
        raise Bug(f"run {state.run_id}: no workflow task after event {event_id}, which schedules it")
    ordinary.token = task.token
    transition.effects.append(Dispatch(TaskKind.WORKFLOW, event_id, 1, state.task_queue, 0, b"", is_published=False))


def held_event(attributes: Any) -> EventBuffered:
    """An event that is to wait."""
    return EventBuffered(_TYPE_OF[type(attributes)], attributes)


def flush(state: MutableState, transition: Transition, held: list[BufferedEvent]) -> None:
    """Turn buffered events into events: first what people sent, then outcomes, each in order of arrival."""
    outcomes = [item for item in held if item.event.event_type in _OUTCOMES]
    if len(outcomes) < len(held):
        for item in held:
            if item.event.event_type not in _OUTCOMES:
                emit(state, transition, item.time_us, item.event.attributes)
    for item in outcomes:
        kind, outcome, started_us, identity, attempt = item.event
        if started_us:
            started_id = _start(state, transition, started_us, outcome.scheduled_event_id, identity, attempt)
            if type(outcome) is ActivityTaskCompleted:  # the usual one: four times as fast as `_replace`
                result, scheduled_event_id, _, by = outcome
                outcome = ActivityTaskCompleted(result, scheduled_event_id, started_id, by)
            else:
                outcome = outcome._replace(started_event_id=started_id)
        elif kind in CHILD_OUTCOMES:
            child = state.children[outcome.initiated_event_id]
            outcome = outcome._replace(started_event_id=child.started_event_id)
        emit(state, transition, item.time_us, outcome)


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
