"""The fold: an illegal history is never folded silently."""

from __future__ import annotations

import copy
from itertools import product
from typing import Any

import pytest

from perdure.protocol.commands import CompleteWorkflowExecution, StartTimer
from perdure.protocol.events import (
    ActivityTaskStarted,
    EventBuffered,
    EventType,
    HistoryEvent,
    TimerCanceled,
    TimerFired,
    WorkflowExecutionSignaled,
    WorkflowTaskScheduled,
    WorkflowTaskStarted,
)
from perdure_engine.core import fold as module
from perdure_engine.core.fold import RULES, TIMER_TRANSITIONS, apply, begin
from perdure_engine.core.state import Bug, MutableState, TimerPhase
from tests.unit.perdure_engine.core.runs import RUN_ID, START_US, activity_command, begun, running

TIMER_RECORDS: dict[EventType, Any] = {
    EventType.EVENT_BUFFERED: EventBuffered(EventType.TIMER_FIRED, TimerFired("nap", 6)),
    EventType.TIMER_FIRED: TimerFired("nap", 6),
    EventType.TIMER_CANCELED: TimerCanceled("nap", 6, 4),
}


def pending() -> MutableState:
    """A run with activity 5 and timer 6 pending."""
    return running(activity_command("a"), StartTimer("nap", 60_000)).state


def record(state: MutableState, event_type: int, attributes: Any) -> HistoryEvent:
    is_annotation = event_type >= EventType.ACTIVITY_ATTEMPT_STARTED
    return HistoryEvent(0 if is_annotation else state.next_event_id, START_US, event_type, attributes)


@pytest.mark.parametrize(("phase", "event_type"), list(product(TimerPhase, TIMER_RECORDS)))
def test_a_timer_takes_what_its_table_says(phase: TimerPhase, event_type: EventType) -> None:
    state = pending()
    state.timers["nap"].phase = phase
    change = record(state, event_type, TIMER_RECORDS[event_type])
    if (phase, event_type) not in TIMER_TRANSITIONS:
        with pytest.raises(Bug, match=f"run {RUN_ID}: timer 'nap' in .* takes no {int(event_type)}"):
            apply(state, change)
        return
    apply(state, change)
    expected = TIMER_TRANSITIONS[phase, event_type]
    if expected is None:
        assert state.timers == {}
        assert state.timer_ids == {}
    else:
        assert state.timers["nap"].phase == expected


def test_every_record_type_has_a_rule_but_the_first() -> None:
    in_histories = {kind for kind in EventType if kind < EventType.ACTIVITY_TASKS_SCHEDULED_AS_ASKED}
    assert set(RULES) == in_histories - {EventType.WORKFLOW_EXECUTION_STARTED}


def test_a_type_without_a_rule_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    state = pending()
    monkeypatch.setattr(module, "RULES", {})
    with pytest.raises(Bug, match=f"run {RUN_ID}: no rule for event type 18"):
        apply(state, record(state, EventType.TIMER_FIRED, TimerFired("nap", 6)))


def test_event_ids_have_no_gaps() -> None:
    state = pending()
    for event_id in (state.next_event_id - 1, state.next_event_id + 1):
        with pytest.raises(Bug, match=f"event {event_id} where {state.next_event_id} comes next"):
            apply(state, HistoryEvent(event_id, START_US, EventType.TIMER_FIRED, TimerFired("nap", 6)))


@pytest.mark.parametrize(
    ("event_type", "attributes", "problem"),
    [
        (EventType.TIMER_FIRED, TimerFired("other", 6), "event type 18 for timer 'other', which is not pending"),
        (EventType.ACTIVITY_TASK_STARTED, ActivityTaskStarted(9, "w", 1), "for activity 9, which is not pending"),
        (EventType.WORKFLOW_TASK_STARTED, WorkflowTaskStarted(9, "w1"), "a workflow task starts that is not scheduled"),
    ],
)
def test_records_of_what_is_not_there_are_bugs(event_type: EventType, attributes: Any, problem: str) -> None:
    state = pending()
    with pytest.raises(Bug, match=problem):
        apply(state, record(state, event_type, attributes))


def test_two_workflow_tasks_at_once_are_a_bug() -> None:
    state = begun().state
    with pytest.raises(Bug, match="two workflow tasks are scheduled"):
        apply(state, record(state, EventType.WORKFLOW_TASK_SCHEDULED, WorkflowTaskScheduled("q", 1, 1)))


def test_a_run_begins_with_its_start() -> None:
    first = begun().history[0]
    state = begin("default", "order-7", RUN_ID, 7, first)
    assert (state.next_event_id, state.start_time_us, state.recent) == (2, START_US, [first])
    for wrong in (first._replace(event_id=2), first._replace(attributes=TimerFired("nap", 6))):
        with pytest.raises(Bug, match=f"run {RUN_ID} begins with event"):
            begin("default", "order-7", RUN_ID, 7, wrong)


def test_a_signal_counts_once_whether_it_was_buffered_or_not() -> None:
    signaled = WorkflowExecutionSignaled("poke", b"", "client", "r1")
    straight = pending()
    apply(straight, record(straight, EventType.WORKFLOW_EXECUTION_SIGNALED, signaled))
    detour = copy.deepcopy(pending())
    buffered = EventBuffered(EventType.WORKFLOW_EXECUTION_SIGNALED, signaled)
    apply(detour, record(detour, EventType.EVENT_BUFFERED, buffered))
    apply(detour, record(detour, EventType.WORKFLOW_EXECUTION_SIGNALED, signaled))
    assert straight.signal_count == detour.signal_count == 1
    assert straight.request_ids == detour.request_ids == {"r1": 1}


def test_a_close_leaves_nothing_pending() -> None:
    state = running(activity_command("a"), StartTimer("nap", 60_000), CompleteWorkflowExecution(b"done")).state
    assert not state.is_open
    assert state.outcome is not None
    assert state.outcome.result == b"done"
    pending_still = [state.activities, state.activity_ids, state.timers, state.timer_ids, state.buffered]
    assert not any(pending_still)
    assert state.workflow_task is None
