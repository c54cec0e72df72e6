"""Pausing activities; the story of it is in `tests/transcripts/stories/paused_activities.txt`."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.failure import ApplicationInfo
from perdure.protocol.replies import ErrorCode
from perdure.protocol.requests import ActivityChange, ChangeActivity, ReportTaskLost
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.tasks import ActivityTask, TaskKind, decode_task
from perdure_engine.core.transition import Push, Transition
from tests.audited_run import AuditedRun
from tests.unit.perdure_engine.core.runs import (
    RUN_ID,
    SECOND_US,
    STREAM,
    activity_command,
    beat,
    complete_activity,
    fail_activity,
    names,
    refusal,
    report_started,
    running,
)

PAUSED, RESET = ApplicationInfo("ActivityPause"), ApplicationInfo("ActivityReset")
_count = iter(range(1_000_000))


def change(run: AuditedRun, what: Any, **changes: Any) -> Transition:
    request_id = f"change-{next(_count)}"
    request = ChangeActivity(
        "default", "order-7", "", "a", "", what, "", 0, False, False, False, request_id, "operator"
    )
    return run.decide(request._replace(**changes))


def task_of(run: AuditedRun) -> ActivityTask:
    """The task of activity 5 that is out."""
    task = decode_task(run.tasks[TaskKind.ACTIVITY, 5].data)
    assert isinstance(task, ActivityTask)
    return task


@pytest.mark.parametrize("from_snapshot", [True, False])
def test_what_is_paused_stays_so_for_the_next_owner(from_snapshot: bool) -> None:
    run = running(activity_command())
    fail_activity(run)
    change(run, ActivityChange.PAUSE, request_id="pause")
    run.end_batch()
    run.take_snapshot()
    run.reload(from_snapshot=from_snapshot)
    assert not run.timers
    assert not run.tasks or (TaskKind.ACTIVITY, 5) not in run.tasks
    assert not change(run, ActivityChange.PAUSE, request_id="pause").records, "it is the same request"
    change(run, ActivityChange.UNPAUSE)
    assert task_of(run).attempt == 2
    complete_activity(run, attempt=2)


def test_the_one_attempt_that_is_allowed_may_be_interrupted() -> None:
    """An attempt that ends for a pause does not count, whether its activity is paused still or goes on already."""
    run = running(activity_command(retry_policy=RetryPolicyData(maximum_attempts=1)))
    report_started(run)
    change(run, ActivityChange.PAUSE)
    change(run, ActivityChange.UNPAUSE)
    fail_activity(run, info=PAUSED)
    task = task_of(run)
    assert (task.attempt, task.attempt_base) == (2, 1)
    assert names(fail_activity(run, attempt=2, info=PAUSED))[-2:] == ["ACTIVITY_TASK_FAILED", "WORKFLOW_TASK_SCHEDULED"]


def test_a_reset_does_not_take_back_that_an_attempt_was_to_end() -> None:
    """One that nobody knows to run may have learned of the pause by its heartbeat."""
    run = running(activity_command(retry_policy=RetryPolicyData(maximum_attempts=1)))
    change(run, ActivityChange.PAUSE)
    assert beat(run).reply_body.paused
    change(run, ActivityChange.RESET)
    fail_activity(run, info=PAUSED)
    assert task_of(run).attempt == 2


def test_any_other_failure_counts() -> None:
    run = running(activity_command(retry_policy=RetryPolicyData(maximum_attempts=1)))
    report_started(run)
    change(run, ActivityChange.PAUSE)
    assert "ACTIVITY_TASK_FAILED" in names(fail_activity(run))


def test_an_activity_whose_worker_is_lost_stays_paused() -> None:
    run = running(activity_command())
    report_started(run)
    assert beat(run).reply_body.paused is False
    [push] = [item for item in change(run, ActivityChange.PAUSE).effects if isinstance(item, Push)]
    assert (push.worker, push.message.paused, push.message.current) == ("w1", True, True)
    run.decide(ReportTaskLost(RUN_ID, TaskKind.ACTIVITY, 5, 1, "w1", *STREAM))
    assert (TaskKind.ACTIVITY, 5) not in run.tasks
    assert run.state.activities[5].is_parked


def test_a_reset_begins_the_backoff_and_the_count_anew() -> None:
    policy = RetryPolicyData(initial_interval_ms=1_000, maximum_attempts=3)
    run = running(activity_command(retry_policy=policy))
    fail_activity(run)
    run.now_us += SECOND_US
    run.fire(run.due()[0])
    fail_activity(run, attempt=2)
    change(run, ActivityChange.RESET, delay_ms=5_000)
    run.now_us += 5 * SECOND_US
    run.fire(run.due()[0])
    for attempt in (3, 4):
        assert task_of(run).attempt - task_of(run).attempt_base == attempt - 2
        fail_activity(run, attempt=attempt)
        [row] = run.timers
        assert row[0] - run.now_us == (attempt - 2) * SECOND_US
        run.now_us = row[0]
        run.fire(row)
    assert "ACTIVITY_TASK_FAILED" in names(fail_activity(run, attempt=5))


def test_a_reset_can_leave_it_paused() -> None:
    run = running(activity_command())
    report_started(run)
    change(run, ActivityChange.PAUSE)
    beat(run, b"half")
    change(run, ActivityChange.RESET, keep_paused=True, reset_heartbeat=True)
    fail_activity(run, info=RESET)
    assert (TaskKind.ACTIVITY, 5) not in run.tasks
    change(run, ActivityChange.RESET)
    task = task_of(run)
    assert (task.attempt, task.attempt_base, task.heartbeat_details) == (2, 1, b"")


@pytest.mark.parametrize(
    ("changes", "code", "problem"),
    [
        ({"activity_id": ""}, ErrorCode.INVALID_ARGUMENT, "say which activity is meant"),
        ({"activity_type": "charge"}, ErrorCode.INVALID_ARGUMENT, "say which activity is meant"),
        ({"activity_id": "x" * 1001}, ErrorCode.INVALID_ARGUMENT, "the name of the activity"),
        ({"change": 9}, ErrorCode.INVALID_ARGUMENT, "an activity takes no change of the kind 9"),
        ({"request_id": ""}, ErrorCode.INVALID_ARGUMENT, "request id must not be empty"),
        ({"reason": "x" * 1001}, ErrorCode.INVALID_ARGUMENT, "the reason"),
        ({"delay_ms": -1}, ErrorCode.INVALID_ARGUMENT, "the delay is -1 ms"),
        ({"activity_id": "b"}, ErrorCode.NOT_FOUND, "activity 'b' is not pending in run"),
    ],
)
def test_what_cannot_be_done(changes: dict[str, Any], code: ErrorCode, problem: str) -> None:
    run = running(activity_command())
    refused = refusal(change(run, ActivityChange.PAUSE, **changes))
    assert refused.code == code
    assert refused.message.startswith(problem)
