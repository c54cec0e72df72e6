"""Starting an activity without a workflow."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.activity_executions import ActivityOptions
from perdure.protocol.ids import FIRST_EXECUTION, activity_run_id
from perdure.protocol.replies import ErrorCode, ExecutionStatus, Outcome, Started
from perdure.protocol.requests import IdConflictPolicy, IdReusePolicy
from perdure.protocol.retry import RetryPolicyData
from perdure_engine.core.standalone.execution import ActivityExecution
from perdure_engine.core.standalone.start import start
from perdure_engine.core.transition import Transition
from tests.unit.perdure_engine.core.standalone.executions import BEGIN_US, RUN_ID, SECOND_US, Audited, refusal, request


def last_one(status: int, number: int = BEGIN_US // 1000) -> ActivityExecution:
    """An execution of the id before."""
    execution = Audited().execution
    execution.scheduled_event_id = number
    if status != ExecutionStatus.RUNNING:
        execution.outcome = Outcome("", status)
    return execution


def started_after(last: ActivityExecution, **options: Any) -> Transition:
    transition = Transition()
    start(request(ActivityOptions(start_to_close_timeout_ms=1, **options)), RUN_ID, 0, last, BEGIN_US, transition)
    return transition


def test_a_plain_start_is_one_task_and_no_row() -> None:
    said = Audited()
    assert said.transition.reply_body == Started(said.execution.activity_run_id, True)
    task = said.task
    assert (task.activity_id, task.activity_type, task.input, task.workflow_id) == ("mail-1", "send", b"in", "")
    assert not said.kept
    assert not said.timers


def test_who_waits_for_the_result_hears_of_nothing_else() -> None:
    assert Audited(request(wait_result=True)).transition.reply_kind is None


def test_a_delayed_start_is_a_row_and_a_timer_until_its_time() -> None:
    said = Audited(request(start_delay_ms=3_600_000))
    assert said.kept
    assert not said.entry
    said.fire()
    assert said.now_us == BEGIN_US + 3600 * SECOND_US
    assert said.task.current_attempt_scheduled_time_us == said.now_us


def test_a_large_input_stays_in_the_row() -> None:
    said = Audited(request(input=b"x" * 50_000))
    assert said.kept
    assert not said.task.inline
    assert said.task.input == b""


def test_numbers_rise_whatever_the_clock_says() -> None:
    transition = Transition()
    later = last_one(ExecutionStatus.COMPLETED, number=BEGIN_US // 1000 + 50)
    execution = start(request(), RUN_ID, 0, later, BEGIN_US, transition)
    assert execution is not None
    assert execution.number == later.number + 1
    first = start(request(), RUN_ID, 0, None, 5, Transition())
    assert first is not None
    assert first.number == FIRST_EXECUTION


RUNNING, COMPLETED, FAILED = ExecutionStatus.RUNNING, ExecutionStatus.COMPLETED, ExecutionStatus.FAILED


@pytest.mark.parametrize(
    ("status", "options", "made"),
    [
        (RUNNING, {}, False),
        (COMPLETED, {}, True),
        (COMPLETED, {"id_reuse_policy": IdReusePolicy.REJECT_DUPLICATE}, False),
        (COMPLETED, {"id_reuse_policy": IdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY}, False),
        (FAILED, {"id_reuse_policy": IdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY}, True),
        (FAILED, {"id_reuse_policy": IdReusePolicy.REJECT_DUPLICATE}, False),
    ],
)
def test_an_id_that_was_used_before(status: int, options: dict[str, Any], made: bool) -> None:
    transition = started_after(last_one(status), **options)
    if made:
        assert isinstance(transition.reply_body, Started)
        assert transition.reply_body.created
    else:
        reply = refusal(transition)
        assert reply.code == ErrorCode.ALREADY_STARTED
        assert reply.run_id == activity_run_id(RUN_ID, BEGIN_US // 1000)
        assert not transition.effects


def test_the_one_that_is_open_may_be_used() -> None:
    transition = started_after(last_one(RUNNING), id_conflict_policy=IdConflictPolicy.USE_EXISTING)
    assert transition.reply_body == Started(activity_run_id(RUN_ID, BEGIN_US // 1000), False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"activity_id": ""}, "activity id must not be empty"),
        ({"activity_type": "x" * 1001}, "activity type has 1001 characters"),
        ({"task_queue": ""}, "task queue must not be empty"),
        ({"input": b"x" * (2 * 1024 * 1024 + 1)}, "its input came to 2097153 bytes"),
        ({"start_delay_ms": -1}, "its start delay is -1 ms"),
        ({"summary": "x" * 401}, "its summary has 401 characters; the limit is 400"),
        ({"options": ActivityOptions(priority=9)}, "its priority is 9; it must be from 1 to 5"),
        ({"options": ActivityOptions(heartbeat_timeout_ms=-5)}, "its heartbeat timeout is -5 ms"),
        ({"options": ActivityOptions(id_conflict_policy=3)}, "there is no id conflict policy 3 of activities"),
        ({"options": ActivityOptions(id_reuse_policy=9)}, "there is no id reuse policy 9"),
        ({"options": ActivityOptions(retry_policy=RetryPolicyData(backoff_coefficient=0.5))}, "must be at least 1"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], said: str) -> None:
    transition = Transition()
    assert start(request(**changes), RUN_ID, 0, None, BEGIN_US, transition) is None
    assert refusal(transition).code == ErrorCode.INVALID_ARGUMENT
    assert said in refusal(transition).message
