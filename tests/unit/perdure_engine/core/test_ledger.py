"""The pen: events now, or later, each stored once."""

from __future__ import annotations

from perdure.protocol.events import EventBuffered, EventType, WorkflowExecutionSignaled
from perdure_engine.core.ledger import annotate, emit, flush, happen, seal
from perdure_engine.core.transition import Transition
from tests.unit.perdure_engine.core.runs import (
    START_US,
    activity_command as command,
    begun,
    complete_activity,
    names,
    running,
    signal,
)

SIGNALED = WorkflowExecutionSignaled("poke", b"", "client", "r1")


def test_an_event_gets_the_next_id_and_is_applied() -> None:
    state, transition = running().state, Transition()
    assert emit(state, transition, START_US, SIGNALED) == 5
    assert state.signal_count == 1
    assert state.next_event_id == 6


def test_an_annotation_has_no_id() -> None:
    state, transition = begun().state, Transition()
    event = EventBuffered(EventType.WORKFLOW_EXECUTION_SIGNALED, SIGNALED)
    annotate(state, transition, START_US, event)
    assert [record.event_id for record in transition.records] == [0]
    assert state.next_event_id == 3
    assert state.buffered[0].stored


def test_what_happens_while_a_task_is_out_waits() -> None:
    state, transition = begun().state, Transition()
    happen(state, transition, START_US, SIGNALED)
    assert not transition.records
    assert [item.event.attributes for item in state.buffered] == [SIGNALED]


def test_each_buffered_event_is_stored_once() -> None:
    run = begun()
    signal(run, "r1")
    assert len(seal(run.state)) == 1
    signal(run, "r2")
    [record] = seal(run.state)
    assert record.attributes.attributes.request_id == "r2"
    assert seal(run.state) == []


def test_what_people_sent_comes_before_outcomes() -> None:
    run = running(command("a"), command("b"))
    signal(run, "r1")
    complete_activity(run, 6)
    signal(run, "r2")
    complete_activity(run, 5)
    state, transition = run.state, Transition()
    held, state.buffered = state.buffered, []
    flush(state, transition, held)
    assert names(transition) == [
        "WORKFLOW_EXECUTION_SIGNALED",
        "ACTIVITY_TASK_STARTED",
        "ACTIVITY_TASK_COMPLETED",
        "ACTIVITY_TASK_STARTED",
        "ACTIVITY_TASK_COMPLETED",
    ]
    started, completed = transition.records[1:3]
    assert completed.attributes.started_event_id == started.event_id
    assert completed.attributes.scheduled_event_id == 6


def test_nothing_held_is_nothing_flushed() -> None:
    transition = Transition()
    flush(running().state, transition, [])
    assert not transition.records
