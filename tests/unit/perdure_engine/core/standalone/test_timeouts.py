"""Timeouts, each when it is due."""

from __future__ import annotations

from perdure.protocol.activity_executions import ActivityOptions
from perdure.protocol.failure import TimeoutInfo, TimeoutType
from perdure.protocol.replies import CancelActivity, ExecutionStatus
from perdure.protocol.retry import RetryPolicyData
from tests.unit.perdure_engine.core.standalone.executions import (
    MINUTE,
    RUN_ID,
    SECOND_US,
    Audited,
    beat,
    failed,
    reported,
    request,
)

ONCE = RetryPolicyData(maximum_attempts=1)


def timeout_of(said: Audited) -> int:
    outcome = said.execution.outcome
    assert outcome is not None
    assert outcome.status == ExecutionStatus.TIMED_OUT
    assert outcome.failure is not None
    assert isinstance(outcome.failure.info, TimeoutInfo)
    return outcome.failure.info.timeout_type


def test_an_attempt_that_takes_too_long_is_tried_again_and_its_worker_told() -> None:
    said = Audited()
    said.decide(reported(said))
    said.fire()
    assert said.pushes == [CancelActivity(RUN_ID, said.execution.number, 1, False)]
    said.fire()
    assert said.task.attempt == 2


def test_the_last_attempt_that_takes_too_long_ends_it() -> None:
    said = Audited(request(MINUTE._replace(retry_policy=ONCE)))
    said.decide(reported(said))
    said.fire()
    assert timeout_of(said) == TimeoutType.START_TO_CLOSE


def test_nobody_takes_it_in_time() -> None:
    said = Audited(request(MINUTE._replace(schedule_to_start_timeout_ms=2_000)))
    said.fire()
    assert timeout_of(said) == TimeoutType.SCHEDULE_TO_START
    assert said.now_us - said.execution.scheduled_time_us == 2_500_000


def test_one_that_runs_was_taken_in_time() -> None:
    said = Audited(request(MINUTE._replace(schedule_to_start_timeout_ms=2_000)))
    said.decide(reported(said))
    assert len(said.timers) == 1, "start-to-close alone"


def test_a_delayed_start_that_comes_too_late_is_not_begun() -> None:
    said = Audited(request(MINUTE._replace(schedule_to_start_timeout_ms=2_000), start_delay_ms=1_000))
    said.now_us += 100 * SECOND_US
    said.fire()
    assert timeout_of(said) == TimeoutType.SCHEDULE_TO_START


def test_the_time_for_all_attempts_is_over() -> None:
    options = ActivityOptions(schedule_to_close_timeout_ms=10_000, retry_policy=RetryPolicyData(8_000))
    said = Audited(request(options))
    said.decide(failed(said))
    said.fire()
    said.fire()
    assert timeout_of(said) == TimeoutType.SCHEDULE_TO_CLOSE
    outcome = said.execution.outcome
    assert outcome is not None
    assert outcome.failure is not None
    assert outcome.failure.cause is not None
    assert outcome.failure.cause.message == "no"


def test_silence_ends_an_attempt_and_heartbeats_keep_it() -> None:
    said = Audited(request(MINUTE._replace(heartbeat_timeout_ms=5_000, retry_policy=ONCE)))
    said.decide(reported(said))
    said.now_us += 3 * SECOND_US
    said.decide(beat(said))
    said.execution.heartbeat_time_us = said.now_us  # as memory knows it; the audit compares without
    said.fire()
    assert said.execution.outcome is None, "it was heard of two seconds ago"
    said.execution.heartbeat_check_us, said.execution.heartbeat_time_us = 1, 0
    said.fire()
    assert timeout_of(said) == TimeoutType.HEARTBEAT
