"""Descriptions of activities without a workflow."""

from __future__ import annotations

from datetime import timedelta

from perdure.client.standalone_description import ActivityExecutionStatus, description_of, status_of
from perdure.client.standalone_inputs import DescribeActivityInput
from perdure.client.status import PendingActivityState
from perdure.common import RetryPolicy
from perdure.converter import DataConverter
from perdure.protocol.activity_executions import ActivityDescription, ActivityOptions
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.replies import ExecutionStatus
from perdure.protocol.retry import RetryPolicyData

CONVERTER = DataConverter.default
SECOND_US = 1_000_000
ROW = ActivityDescription(
    "default", "a", "run", "send", "mails", ExecutionStatus.RUNNING, "STARTED", 2, SECOND_US, 9 * SECOND_US,
    3 * SECOND_US, 0, "worker", ActivityOptions(60_000, 0, 1_000, 0, RetryPolicyData(maximum_attempts=3), 1),
    CONVERTER.to_bytes(("in",)), b"", None, Failure.of("no", ApplicationInfo()), CONVERTER.to_bytes(("half",)), "why",
    "one", b"", 2_000,
)  # fmt: skip
ALL = DescribeActivityInput("a", None, True, True, True, True, None)
NOTHING = DescribeActivityInput("a", None, False, False, False, False, None)


async def test_one_that_runs() -> None:
    seen = description_of(ROW, ALL, CONVERTER)
    assert seen.execution_time == seen.schedule_time + timedelta(seconds=2)
    assert (seen.close_time, seen.execution_duration) == (None, None)
    assert seen.expiration_time == seen.schedule_time + timedelta(minutes=1)
    assert seen.run_state == PendingActivityState.STARTED
    assert seen.retry_policy == RetryPolicy(maximum_attempts=3)
    assert (seen.canceled_reason, seen.summary, seen.attempt) == ("why", "one", 2)
    assert await seen.input() == ["in"]
    assert await seen.heartbeat_details() == ["half"]
    assert str(await seen.last_failure()) == "no"
    assert not seen.has_result()
    assert await seen.result() is None
    assert await seen.outcome_failure() is None


async def test_one_that_is_closed() -> None:
    closed = ROW._replace(status=ExecutionStatus.COMPLETED, state="", close_time_us=5 * SECOND_US)
    seen = description_of(closed._replace(result=CONVERTER.to_bytes((7,))), ALL, CONVERTER)
    assert (seen.run_state, seen.execution_duration) == (None, timedelta(seconds=4))
    assert await seen.result(int) == 7


async def test_what_was_not_asked_for_is_left_out() -> None:
    failed = ROW._replace(failure=Failure.of("no", ApplicationInfo()))
    seen = description_of(failed, NOTHING, CONVERTER)
    assert not (seen.has_input())
    assert not (seen.has_outcome_failure())
    assert not (seen.has_heartbeat_details())
    assert not seen.has_last_failure()
    assert await seen.input() is None
    assert await seen.heartbeat_details() is None
    assert await seen.last_failure() is None


def test_states_have_temporals_numbers() -> None:
    assert status_of(ExecutionStatus.TIMED_OUT) is ActivityExecutionStatus.TIMED_OUT
    assert int(ActivityExecutionStatus.TIMED_OUT) == 6
