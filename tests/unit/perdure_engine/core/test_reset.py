"""Resets: which points there are, what is copied, what begins anew, and what is applied again."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.commands import CompleteWorkflowExecution, RequestCancelActivityTask, StartTimer
from perdure.protocol.events import EventType, HistoryEvent, decode_records
from perdure.protocol.requests import (
    ActivityChange,
    RecordActivityTaskStarted,
    ResetPoint,
    ResetReapplyExclude,
    ResetWorkflow,
    TerminateWorkflow,
)
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.tasks import TaskKind
from perdure.protocol.updates import WorkflowExecutionUpdateAdmitted
from perdure_engine.core.reset import (
    REASON_LENGTH_MAX,
    Base,
    finish_event_id,
    fork,
    request_problem,
    sent_after,
)
from perdure_engine.core.state import ActivityPhase
from perdure_engine.core.transition import TimerKind
from perdure_engine.core.workflow_task import sent_updates
from tests.audited_run import AuditedRun
from tests.legality import violations
from tests.unit.perdure_engine.core.runs import (
    RUN_ID,
    SECOND_US,
    START_US,
    activity_command,
    begun,
    break_down,
    complete_activity,
    fail_activity,
    go_on,
    report_started,
    running,
    signal,
)
from tests.unit.perdure_engine.core.test_pausing import change
from tests.unit.perdure_engine.core.test_update import accept, reject, respond, update

NEW_ID = "7d1e1c52-7c43-5d0f-9a35-3f0a3f6d1c11"
REQUEST = ResetWorkflow("default", "order-7", RUN_ID, "a bug", int(ResetPoint.LAST_WORKFLOW_TASK), 0, (), "r-1", "ops")


def records_of(run: AuditedRun) -> list[HistoryEvent]:
    run.end_batch()
    return [record for row in run.rows for record in decode_records(row)]


def base_of(run: AuditedRun) -> Base:
    return Base("default", "order-7", run.state.run_id, 7, records_of(run))


def reset(run: AuditedRun, **changes: Any) -> AuditedRun:
    """The new run that a reset of this one begins."""
    request = REQUEST._replace(**changes)
    base = base_of(run)
    finish_id = finish_event_id(base, request)
    assert isinstance(finish_id, int), finish_id
    again = sent_after(base.records, finish_id, request.exclude)
    new = AuditedRun.of(fork(base, finish_id, again, request, NEW_ID, run.now_us), run.now_us)
    assert not violations(records_of(new))
    return new


def kinds(run: AuditedRun) -> list[str]:
    return [EventType(record.event_type).name for record in run.history]


def at(event_id: int) -> dict[str, int]:
    return {"point": int(ResetPoint.EVENT), "event_id": event_id}


# Points ---------------------------------------------------------------------------------------------------------------


def test_the_points_of_a_history() -> None:
    run = running(activity_command())  # events 2 to 5
    complete_activity(run)  # 6 to 8
    go_on(run, StartTimer("t", 1_000))  # 9 to 11
    base = base_of(run)
    assert finish_event_id(base, REQUEST) == 10
    assert finish_event_id(base, REQUEST._replace(point=int(ResetPoint.FIRST_WORKFLOW_TASK))) == 4
    assert finish_event_id(base, REQUEST._replace(**at(4))) == 4
    assert finish_event_id(base, REQUEST._replace(**at(5))) == (
        f"event 5 of run {RUN_ID} closes no workflow task; those that complete one are 4, 10"
    )
    assert isinstance(finish_event_id(base, REQUEST._replace(**at(99))), str)


def test_of_many_points_the_last_are_named() -> None:
    run = begun()
    for number in range(15):
        go_on(run, StartTimer(str(number), 1_000))
        signal(run, f"s{number}")
    told = finish_event_id(base_of(run), REQUEST._replace(**at(2)))
    assert isinstance(told, str)
    assert told.endswith("the last that complete one are " + ", ".join(str(4 + 5 * n) for n in range(5, 15)))


def test_a_run_that_completed_no_task_has_no_point() -> None:
    told = finish_event_id(base_of(begun()), REQUEST)
    assert told == (
        f"run {RUN_ID} has completed no workflow task: there is nothing to go back to; terminate it and start it again"
    )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"reason": "x" * (REASON_LENGTH_MAX + 1)}, "the reason of the reset has 1001 characters; the limit is 1000"),
        ({"point": 9}, "9 is no point to reset to; give one of EVENT, FIRST_WORKFLOW_TASK, LAST_WORKFLOW_TASK"),
        ({"request_id": ""}, "request id must not be empty"),
    ],
)
def test_a_request_that_makes_no_sense(changes: dict[str, Any], problem: str) -> None:
    assert request_problem(REQUEST) is None
    assert request_problem(REQUEST._replace(**changes)) == problem


# The new run ----------------------------------------------------------------------------------------------------------


def test_the_last_task_is_done_anew() -> None:
    run = running(StartTimer("t", 60_000))
    signal(run)
    go_on(run, CompleteWorkflowExecution(b"wrong"))
    run.now_us += SECOND_US
    new = reset(run)
    assert kinds(new) == [
        "WORKFLOW_EXECUTION_STARTED",
        "WORKFLOW_TASK_SCHEDULED",
        "WORKFLOW_TASK_STARTED",
        "WORKFLOW_TASK_COMPLETED",
        "TIMER_STARTED",
        "WORKFLOW_EXECUTION_SIGNALED",
        "WORKFLOW_TASK_SCHEDULED",
        "WORKFLOW_TASK_STARTED",
        "WORKFLOW_TASK_FAILED",
        "WORKFLOW_TASK_SCHEDULED",
    ]
    failed = new.history[-2].attributes
    assert (failed.cause, failed.base_run_id, failed.new_run_id) == ("RESET_WORKFLOW", RUN_ID, NEW_ID)
    assert failed.failure.message == "reset: a bug"
    assert (failed.scheduled_event_id, failed.started_event_id, failed.identity) == (7, 8, "ops")
    started = new.history[0].attributes
    assert (started.original_execution_run_id, started.first_execution_run_id) == (RUN_ID, RUN_ID)
    assert new.state.start_time_us == new.now_us
    assert (START_US + 60 * SECOND_US, TimerKind.USER, 5) in new.timers
    go_on(new, CompleteWorkflowExecution(b"right"))
    assert not new.state.is_open


def test_a_run_that_was_reset_may_be_reset_again() -> None:
    run = running(StartTimer("t", 60_000))
    new = reset(run)
    new.now_us += SECOND_US
    go_on(new, StartTimer("u", 1_000))
    again = reset(new, run_id=NEW_ID)
    assert again.history[0].attributes.original_execution_run_id == RUN_ID
    assert [name for name in kinds(again) if name == "WORKFLOW_TASK_FAILED"] == ["WORKFLOW_TASK_FAILED"] * 2


def test_what_came_after_the_point_is_applied_again() -> None:
    run = running(StartTimer("t", 60_000))
    signal(run, "before")
    go_on(run, StartTimer("u", 60_000))
    signal(run, "after", signal_name="late")
    new = reset(run)
    assert [r.attributes.request_id for r in new.history if r.event_type == EventType.WORKFLOW_EXECUTION_SIGNALED] == [
        "before",
        "after",
    ]
    assert kinds(new)[-3:] == ["WORKFLOW_TASK_FAILED", "WORKFLOW_EXECUTION_SIGNALED", "WORKFLOW_TASK_SCHEDULED"]
    without = reset(run, exclude=(int(ResetReapplyExclude.SIGNAL),))
    assert kinds(without)[-2:] == ["WORKFLOW_TASK_FAILED", "WORKFLOW_TASK_SCHEDULED"]


def updated() -> AuditedRun:
    """A run that has taken in three updates behind its first workflow task, one of them to its end."""
    run = running(StartTimer("t", 60_000))
    for update_id, messages in (("done", (accept("done"), respond("done"))), ("open", (accept("open"),))):
        update(run, update_id)
        go_on(run, *messages)
    return run


def test_updates_that_came_after_the_point_are_delivered_again() -> None:
    new = reset(updated(), point=int(ResetPoint.FIRST_WORKFLOW_TASK))
    assert kinds(new)[-4:] == [
        "WORKFLOW_TASK_FAILED",
        "WORKFLOW_EXECUTION_UPDATE_ADMITTED",
        "WORKFLOW_EXECUTION_UPDATE_ADMITTED",
        "WORKFLOW_TASK_SCHEDULED",
    ]
    assert [item.update_id for item in sent_updates(new.state)] == ["done", "open"]
    new.end_batch()
    new.take_snapshot()
    for from_snapshot in (False, True):
        new.reload(from_snapshot=from_snapshot)
        assert [item.update_id for item in sent_updates(new.state)] == ["done", "open"], "nobody sends them again"
    go_on(new, reject("done"), accept("open"))
    assert not new.state.admitted
    assert list(new.state.updates) == ["open"]
    assert "UPDATE_FORGOTTEN" in kinds(new)
    assert not violations(records_of(new))


def test_updates_may_be_left_out_or_come_a_second_time() -> None:
    run = updated()
    first = {"point": int(ResetPoint.FIRST_WORKFLOW_TASK)}
    without = reset(run, exclude=(int(ResetReapplyExclude.UPDATE),), **first)
    assert "WORKFLOW_EXECUTION_UPDATE_ADMITTED" not in kinds(without)
    last = reset(run)
    admitted = [
        r.attributes.update_id for r in last.history if isinstance(r.attributes, WorkflowExecutionUpdateAdmitted)
    ]
    assert admitted == ["open"], "the first had been handled by then"
    assert list(last.state.updates) == ["done"]


def test_a_signal_that_waited_for_the_task_is_applied_once() -> None:
    run = begun()
    signal(run, "meanwhile")
    run.end_batch()  # it is an annotation now
    go_on(run, StartTimer("t", 60_000))
    new = reset(run)
    assert kinds(new).count("WORKFLOW_EXECUTION_SIGNALED") == 1
    assert "EVENT_BUFFERED" not in kinds(new)


# What was pending -----------------------------------------------------------------------------------------------------


def report_started_in(run: AuditedRun) -> None:
    run.decide(RecordActivityTaskStarted(run.state.run_id, 5, 1, run.now_us, "w2"))


def test_a_pending_activity_is_dispatched_again() -> None:
    command = activity_command(schedule_to_close_timeout_ms=60_000, schedule_to_start_timeout_ms=10_000)
    run = running(command)
    report_started(run)
    run.end_batch()
    signal(run)
    go_on(run)
    run.now_us += 40 * SECOND_US
    new = reset(run)
    [activity] = new.state.activities.values()
    assert (activity.phase, activity.attempt, activity.worker) == (ActivityPhase.SCHEDULED, 1, "")
    assert (TaskKind.ACTIVITY, 5) in new.tasks
    assert (new.now_us + 60 * SECOND_US, TimerKind.ACTIVITY_SCHEDULE_TO_CLOSE, 5) in new.timers
    report_started_in(new)
    new.end_batch()
    new.take_snapshot()
    new.reload(from_snapshot=True)


def test_a_paused_activity_stays_paused() -> None:
    """Nothing of it runs in the new run: it has no attempt that could finish."""
    run = running(activity_command("a"), activity_command("b"))
    report_started(run)
    change(run, ActivityChange.PAUSE)
    signal(run)
    go_on(run)
    new = reset(run)
    assert new.state.activities[5].is_parked
    assert [key for key in new.tasks if key[0] == TaskKind.ACTIVITY] == [(TaskKind.ACTIVITY, 6)]
    change(new, ActivityChange.UNPAUSE)
    assert (TaskKind.ACTIVITY, 5) in new.tasks


def test_an_activity_that_was_over_by_the_point_stays_over() -> None:
    run = running(activity_command(retry_policy=RetryPolicyData(initial_interval_ms=0)))
    fail_activity(run)
    complete_activity(run, attempt=2)
    go_on(run)
    new = reset(run)
    assert not new.state.activities
    assert "ACTIVITY_ATTEMPT_FAILED" in kinds(new)


def test_an_outcome_after_the_point_is_forgotten() -> None:
    run = running(activity_command())
    complete_activity(run)
    go_on(run)
    new = reset(run, point=int(ResetPoint.FIRST_WORKFLOW_TASK))
    assert not new.state.activities, "its schedule, too, came after the first task"
    run = running(activity_command())
    signal(run)
    complete_activity(run)  # waits for the task
    run.end_batch()
    go_on(run)
    new = reset(run)
    assert [activity.phase for activity in new.state.activities.values()] == [ActivityPhase.SCHEDULED]
    assert (TaskKind.ACTIVITY, 5) in new.tasks


def test_a_cancellation_of_an_activity_is_still_asked_for() -> None:
    run = running(activity_command())
    report_started(run)
    signal(run)
    go_on(run, RequestCancelActivityTask(5))
    signal(run, "another")
    go_on(run)
    new = reset(run)
    assert [activity.phase for activity in new.state.activities.values()] == [ActivityPhase.CANCEL_REQUESTED]


def test_a_timer_that_is_late_fires_at_once_and_one_that_fired_after_the_point_again() -> None:
    run = running(StartTimer("t", 1_000))
    signal(run)
    go_on(run)
    run.now_us += 5 * SECOND_US
    new = reset(run)
    [row] = new.due()
    assert row == (new.now_us, TimerKind.USER, 5)
    new.fire(row)


def test_a_task_that_failed_before_it_completed_is_a_point() -> None:
    run = begun()
    break_down(run)
    signal(run)
    break_down(run)
    go_on(run, StartTimer("t", 1_000))
    new = reset(run)
    go_on(new)
    failed = next(record.event_id for record in run.history if record.event_type == EventType.WORKFLOW_TASK_FAILED)
    go_on(reset(run, **at(failed)))


def test_the_timeouts_of_the_run_count_from_the_reset() -> None:
    run = running(run_timeout_ms=10_000, execution_timeout_ms=15_000, start_delay_ms=0)
    run.now_us += 9 * SECOND_US
    new = reset(run)
    assert set(new.timers) == {(new.now_us + 10 * SECOND_US, TimerKind.RUN_TIMEOUT, 0)}
    new.decide(TerminateWorkflow("default", "order-7", "", "enough", b"", "end", "me"))
    assert not new.timers


def test_a_run_whose_start_was_delayed_begins_at_once() -> None:
    run = begun(cron_schedule="@every 10s")
    [row] = run.timers
    run.now_us = row[0]
    run.fire(row)
    go_on(run, CompleteWorkflowExecution(b"done"))
    new = reset(run)
    assert (TaskKind.WORKFLOW, new.state.workflow_task_id()) in new.tasks
    assert not new.timers
