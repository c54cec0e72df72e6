"""The workflow task: one at a time, tried again and again, and never in the way of the history."""

from __future__ import annotations

import pytest

from perdure.protocol.commands import StartTimer
from perdure.protocol.events import EventType, decode_records
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.replies import ErrorCode, ReplyKind
from perdure.protocol.requests import ReportTaskLost, RespondWorkflowTaskFailed
from perdure.protocol.tasks import TaskKind, WorkflowTask, decode_task
from perdure_engine.core.decide import decide_timer
from perdure_engine.core.state import Bug
from perdure_engine.core.transition import SetTimer, TimerKind, Transition
from perdure_engine.core.workflow_task import abridged, backoff_ms, dispatch, encode_workflow_task, schedule
from tests.audited_run import AuditedRun
from tests.unit.perdure_engine.core.runs import (
    RUN_ID,
    SECOND_US,
    START_US,
    STREAM,
    activity_command,
    begun,
    break_down,
    complete_activity,
    go_on,
    names,
    record_of,
    refusal,
    running,
    signal,
)


def task_of(run: AuditedRun, *, whole: bool) -> WorkflowTask:
    task = decode_task(encode_workflow_task(run.state, run.now_us, whole=whole))
    assert isinstance(task, WorkflowTask)
    return task


def test_one_task_at_a_time() -> None:
    run = begun()
    transition = Transition()
    schedule(run.state, transition, START_US)
    assert not transition.records
    assert not transition.effects


def test_a_first_task_carries_the_whole_history() -> None:
    run = begun()
    task = task_of(run, whole=True)
    assert (task.continues_from, task.started_time_us) == (0, START_US)
    assert [event.event_id for event in decode_records(task.events)] == [1, 2]


def test_a_later_task_for_a_new_worker_carries_none() -> None:
    run = running()
    signal(run)
    assert task_of(run, whole=True).events == b""
    assert task_of(run, whole=False).events != b""


def test_after_a_snapshot_the_events_must_be_fetched() -> None:
    run = running()
    signal(run)
    run.end_batch()
    run.take_snapshot()
    run.reload(from_snapshot=True)
    task = task_of(run, whole=False)
    assert (task.continues_from, task.events) == (4, b"")


def test_events_that_are_too_many_for_a_stream_entry_must_be_fetched() -> None:
    run = running()
    signal(run, input=b"x" * 40_000)
    assert task_of(run, whole=False).events == b""


def test_what_a_sticky_worker_asked_for_does_not_travel_back() -> None:
    run = running(
        activity_command("a", input=b"card"), activity_command("b"), StartTimer("nap", 1000), activity_command("c")
    )
    complete_activity(run)
    events = decode_records(task_of(run, whole=False).events)
    assert [(event.event_id, event.event_type) for event in events[:3]] == [
        (5, EventType.ACTIVITY_TASKS_SCHEDULED_AS_ASKED),
        (7, EventType.TIMER_STARTED),
        (8, EventType.ACTIVITY_TASKS_SCHEDULED_AS_ASKED),
    ]
    assert [events[0].attributes.activities, events[2].attributes.activities] == [2, 1]
    assert [event.event_id for event in abridged(run.state.recent or ())][-1] == events[-1].event_id
    assert abridged([]) == []


def test_backoff_begins_with_the_fourth_attempt() -> None:
    assert [backoff_ms(attempt) for attempt in (1, 2, 3, 4, 5, 6, 9, 10, 500)] == [
        0,
        0,
        0,
        1_000,
        2_000,
        4_000,
        32_000,
        60_000,
        60_000,
    ]


def test_only_the_first_failure_writes_events() -> None:
    run = begun()
    assert names(break_down(run)) == ["WORKFLOW_TASK_STARTED", "WORKFLOW_TASK_FAILED"]
    for _ in range(2):
        assert names(break_down(run)) == ["WORKFLOW_TASK_ATTEMPT_FAILED"]
    assert run.state.next_event_id == 5
    assert run.state.workflow_task is not None
    assert run.state.workflow_task.last_failure == Failure("it broke")
    assert (START_US + SECOND_US, TimerKind.WORKFLOW_TASK_RETRY, 0) in run.timers


def test_a_failing_task_leaves_its_sticky_worker() -> None:
    run = running()
    signal(run)
    assert run.tasks[TaskKind.WORKFLOW, 6].worker == "w1"
    break_down(run)
    assert run.tasks[TaskKind.WORKFLOW, 9].worker == ""


def test_a_task_that_waits_cannot_end() -> None:
    run = begun()
    for _ in range(3):
        break_down(run)
    request = RespondWorkflowTaskFailed(RUN_ID, 5, 4, 0, "ODD", Failure("x"), "w1", *STREAM)
    assert refusal(run.decide(request)).code == ErrorCode.NOT_FOUND
    lost = run.decide(ReportTaskLost(RUN_ID, TaskKind.WORKFLOW, 5, 4, "w1", *STREAM))
    assert lost.reply_kind == ReplyKind.OK
    assert not lost.records


@pytest.mark.parametrize("attempt", [3, 5])
def test_a_stale_retry_timer_does_nothing(attempt: int) -> None:
    run = begun()
    for _ in range(3):
        break_down(run)
    assert not decide_timer(run.state, TimerKind.WORKFLOW_TASK_RETRY, 0, attempt, START_US + SECOND_US).effects


def test_a_retry_timer_without_a_task_does_nothing() -> None:
    assert not decide_timer(running().state, TimerKind.WORKFLOW_TASK_RETRY, 0, 4, START_US).effects
    assert not decide_timer(begun().state, TimerKind.WORKFLOW_TASK_RETRY, 0, 1, START_US).effects


def test_a_lost_worker_times_the_task_out() -> None:
    run = begun()
    run.now_us += SECOND_US
    transition = run.decide(ReportTaskLost(RUN_ID, TaskKind.WORKFLOW, 2, 1, "w1", *STREAM))
    assert names(transition) == ["WORKFLOW_TASK_STARTED", "WORKFLOW_TASK_TIMED_OUT"]
    assert run.tasks[TaskKind.WORKFLOW, 5].attempt == 2


def test_what_was_buffered_makes_a_new_task_of_it() -> None:
    run = begun()
    break_down(run)
    signal(run)
    transition = break_down(run)
    assert names(transition) == [
        "WORKFLOW_TASK_ATTEMPT_FAILED",
        "WORKFLOW_EXECUTION_SIGNALED",
        "WORKFLOW_TASK_SCHEDULED",
    ]
    assert run.tasks[TaskKind.WORKFLOW, 6].attempt == 1


def test_what_was_buffered_during_a_backoff_is_told_at_its_end() -> None:
    run = begun()
    for _ in range(3):
        break_down(run)
    signal(run)
    run.now_us += SECOND_US
    transition = run.fire(min(run.timers))
    assert names(transition) == ["WORKFLOW_EXECUTION_SIGNALED", "WORKFLOW_TASK_SCHEDULED"]
    assert not any(isinstance(effect, SetTimer) for effect in transition.effects)


def test_a_huge_failure_is_cut() -> None:
    run = begun()
    failure = Failure.of("it broke", ApplicationInfo("Odd", details=b"x" * 3_000_000))
    transition = run.decide(RespondWorkflowTaskFailed(RUN_ID, 2, 1, 0, "ODD", failure, "w1", *STREAM))
    failed = record_of(transition, EventType.WORKFLOW_TASK_FAILED).attributes
    assert failed.failure.info == ApplicationInfo("Odd")
    assert failed.cause == "ODD"


def test_there_must_be_a_task_to_dispatch() -> None:
    run = running(StartTimer("nap", 5_000))
    with pytest.raises(Bug, match="has no workflow task"):
        dispatch(run.state, Transition(), START_US)
    with pytest.raises(Bug, match="has no workflow task"):
        encode_workflow_task(run.state, START_US, whole=True)
    signal(run)
    go_on(run)
