"""The activity machine: what a command must say, and what a worker may."""

from __future__ import annotations

import math
from typing import Any

import pytest

from perdure.protocol.commands import RequestCancelActivityTask
from perdure.protocol.events import EventType
from perdure.protocol.failure import RetryState
from perdure.protocol.payload import PAYLOAD_SIZE_MAX
from perdure.protocol.replies import ActivityDirective, ErrorCode, ReplyKind
from perdure.protocol.requests import RecordActivityTaskStarted, ReportTaskLost, RespondActivityTaskCanceled
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.tasks import ActivityTask, TaskKind, decode_task
from perdure_engine.core.activity import encode_activity_task, schedule_problem
from perdure_engine.core.transition import KeepHeartbeat, KeepWorker
from tests.unit.perdure_engine.core.runs import (
    RUN_ID,
    START_US,
    STREAM,
    activity_command,
    beat,
    complete_activity,
    fail_activity,
    go_on,
    names,
    record_of,
    refusal,
    report_started,
    running,
    signal,
)

TOO_LARGE = b"x" * (PAYLOAD_SIZE_MAX + 1)
CENTURY_MS = 100 * 366 * 24 * 3600 * 1000


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, None),
        ({"task_queue": "gpu", "priority": 5}, None),
        ({"retry_policy": RetryPolicyData(maximum_attempts=3)}, None),
        ({"activity_id": ""}, "activity id must not be empty"),
        ({"activity_type": "x" * 1001}, "activity type has 1001 characters; the limit is 1000"),
        ({"activity_id": "taken"}, "activity 'charge': an activity with the id 'taken' is pending already"),
        (
            {"start_to_close_timeout_ms": 0},
            "activity 'charge': give it a start_to_close_timeout or a schedule_to_close_timeout",
        ),
        ({"priority": 0}, "activity 'charge': its priority is 0; it must be from 1 to 5"),
        ({"task_queue": "a" * 1001}, "activity 'charge': its task queue has 1001 characters; the limit is 1000"),
        ({"input": TOO_LARGE}, "activity 'charge': its input came to 2097153 bytes; the limit is 2097152"),
        ({"summary": "x" * 400}, None),
        ({"summary": "x" * 401}, "activity 'charge': its summary has 401 characters; the limit is 400"),
        ({"heartbeat_timeout_ms": -1}, "activity 'charge': its heartbeat timeout is -1 ms; it must be at least 0"),
        ({"start_to_close_timeout_ms": CENTURY_MS + 1}, "activity 'charge': its start-to-close timeout is "),
        ({"schedule_to_close_timeout_ms": 2**62}, "activity 'charge': its schedule-to-close timeout is "),
        ({"schedule_to_start_timeout_ms": -5}, "activity 'charge': its schedule-to-start timeout is -5 ms"),
        (
            {"retry_policy": RetryPolicyData(backoff_coefficient=math.nan)},
            "activity 'charge': the backoff coefficient of the retry policy is nan; it must be at least 1",
        ),
    ],
)
def test_what_a_command_must_say(changes: dict[str, Any], problem: str | None) -> None:
    state = running(activity_command("taken")).state
    found = schedule_problem(state, activity_command("new")._replace(**changes))
    assert found == problem if problem is None else found is not None and found.startswith(problem)


def test_an_attempt_is_accepted_once() -> None:
    run = running(activity_command())
    assert complete_activity(run).reply_kind == ReplyKind.OK
    canceled = RespondActivityTaskCanceled(RUN_ID, 5, 1, 0, b"", "w1", *STREAM)
    for again in (complete_activity(run), fail_activity(run), run.decide(canceled)):
        reply = refusal(again)
        assert reply.code == ErrorCode.NOT_FOUND
        assert reply.message == (f"attempt 1 of activity 5 of run {RUN_ID} is no longer pending; its result is dropped")


def test_an_outcome_that_waits_in_the_buffer_stands() -> None:
    run = running(activity_command(), activity_command("b"))
    signal(run)
    assert complete_activity(run).records == []
    refusal(complete_activity(run, result=b"another"))
    assert report_started(run).reply_body == ActivityDirective(False, False)
    assert beat(run).reply_body == ActivityDirective(False, False)


def test_the_clock_of_a_worker_cannot_move_history() -> None:
    """Not before the activity was scheduled, and not into the future."""
    for said_us, told_us in ((0, START_US), (START_US + 3, START_US + 3), (2**60, START_US + 5)):
        run = running(activity_command())
        run.now_us += 5
        completed = complete_activity(run, started_time_us=said_us)
        assert record_of(completed, EventType.ACTIVITY_TASK_STARTED).time_us == told_us


def test_a_start_is_reported_once_and_by_one_worker() -> None:
    run = running(activity_command())
    assert report_started(run).reply_body == ActivityDirective(True, False)
    again = report_started(run)
    assert again.reply_body == ActivityDirective(True, False)
    assert not again.records
    assert report_started(run, worker="w2").reply_body == ActivityDirective(False, False)


def test_a_worker_that_is_handed_an_attempt_twice_runs_it_once() -> None:
    """Its stream was lost, and the attempt published again: the second report names another time."""
    run = running(activity_command())
    report = RecordActivityTaskStarted(RUN_ID, 5, 1, run.now_us + 1, "w1")
    run.now_us += 5
    assert run.decide(report).reply_body == ActivityDirective(True, False)
    run.now_us += 5
    assert run.decide(report).reply_body == ActivityDirective(True, False)
    again = report._replace(started_time_us=run.now_us - 1)
    assert run.decide(again).reply_body == ActivityDirective(False, False)


def test_a_second_start_is_known_on_a_clock_that_is_ahead_too() -> None:
    """Both times lie in the future, and history holds the same one for them: they are told apart as they were said."""
    run = running(activity_command())
    report = RecordActivityTaskStarted(RUN_ID, 5, 1, run.now_us + 60_000_000, "w1")
    run.now_us += 5
    assert run.decide(report).reply_body == ActivityDirective(True, False)
    assert run.decide(report).reply_body == ActivityDirective(True, False)
    again = report._replace(started_time_us=report.started_time_us + 1)
    assert run.decide(again).reply_body == ActivityDirective(False, False)


def test_the_row_of_a_task_names_who_runs_it() -> None:
    run = running(activity_command())
    assert KeepWorker(5, 1, "w1") in report_started(run).effects
    assert not report_started(run).effects


def test_a_heartbeat_is_kept_beside_history() -> None:
    run = running(activity_command())
    transition = beat(run, b"page 7")
    assert transition.effects == [KeepHeartbeat(5, b"page 7")]
    assert not transition.records
    reply = refusal(beat(run, TOO_LARGE))
    assert reply.code == ErrorCode.INVALID_ARGUMENT
    assert reply.message.startswith("the heartbeat of activity 'charge' came to 2097153 bytes; the limit is 2097152")


def test_data_over_the_limit_fails_the_activity() -> None:
    canceled = RespondActivityTaskCanceled(RUN_ID, 5, 1, 0, TOO_LARGE, "w1", *STREAM)
    for name, say in (
        ("the result", lambda run: complete_activity(run, result=TOO_LARGE)),
        ("the heartbeat", lambda run: fail_activity(run, heartbeat_details=TOO_LARGE)),
        ("the details of the cancellation", lambda run: run.decide(canceled)),
    ):
        run = running(activity_command())
        failed = record_of(say(run), EventType.ACTIVITY_TASK_FAILED).attributes
        assert failed.retry_state == RetryState.NON_RETRYABLE_FAILURE
        assert failed.failure.info.type == "PayloadTooLarge"
        assert failed.failure.message.startswith(f"{name} of activity 'charge' came to 2097153 bytes")


def test_a_cancellation_that_nobody_asked_for_is_a_failure() -> None:
    run = running(activity_command())
    transition = run.decide(RespondActivityTaskCanceled(RUN_ID, 5, 1, 0, b"why", "w1", *STREAM))
    assert names(transition) == ["ACTIVITY_ATTEMPT_FAILED"]


def test_a_second_request_to_cancel_is_no_news() -> None:
    run = running(activity_command())
    signal(run)
    assert names(go_on(run, RequestCancelActivityTask(5)))[-1] == "ACTIVITY_TASK_CANCEL_REQUESTED"
    signal(run, "signal-2")
    complete_activity(run)
    assert "ACTIVITY_TASK_CANCEL_REQUESTED" not in names(go_on(run, RequestCancelActivityTask(5)))


def test_a_cancel_request_for_an_activity_that_is_over_is_ignored() -> None:
    run = running(activity_command())
    complete_activity(run)
    assert names(go_on(run, RequestCancelActivityTask(5))) == ["WORKFLOW_TASK_STARTED", "WORKFLOW_TASK_COMPLETED"]


def test_a_loss_of_an_attempt_that_is_over_is_no_news() -> None:
    run = running(activity_command())
    fail_activity(run)
    transition = run.decide(ReportTaskLost(RUN_ID, TaskKind.ACTIVITY, 5, 1, "w1", *STREAM))
    assert transition.reply_kind == ReplyKind.OK
    assert not transition.records


@pytest.mark.parametrize(("lost", "is_lost"), [("w1", True), ("w1.2", True), ("w2", False)])
def test_only_the_worker_that_reported_an_attempt_can_lose_it(lost: str, is_lost: bool) -> None:
    """Another one was handed it too, after the streams were lost; further workers of a connection have a number."""
    run = running(activity_command())
    report_started(run, worker="w1")
    transition = run.decide(ReportTaskLost(RUN_ID, TaskKind.ACTIVITY, 5, 1, lost, *STREAM))
    assert transition.reply_kind == ReplyKind.OK
    assert bool(transition.records) is is_lost
    assert run.state.activities[5].attempt == (2 if is_lost else 1)


def test_a_task_says_what_is_needed_to_run_it() -> None:
    command = activity_command(
        task_queue="gpu", retry_policy=RetryPolicyData(maximum_attempts=1), heartbeat_timeout_ms=3_000, priority=1
    )
    run = running(command)
    task = decode_task(run.tasks[TaskKind.ACTIVITY, 5].data)
    assert task == ActivityTask(
        "default",
        "order-7",
        RUN_ID,
        "Order",
        7,
        5,
        1,
        "a",
        "charge",
        b"input",
        True,
        b"",
        b"",
        START_US,
        START_US,
        0,
        10_000,
        3_000,
        True,
        "gpu",
        1,
        RetryPolicyData(maximum_attempts=1),
    )
    bare = decode_task(encode_activity_task(run.state, run.state.activities[5], inline=False))
    assert bare == task._replace(input=b"", inline=False)
