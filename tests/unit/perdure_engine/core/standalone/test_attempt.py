"""Attempts: tried again, and the last one."""

from __future__ import annotations

from perdure.protocol.activity_executions import ActivityOptions
from perdure.protocol.failure import ApplicationInfo
from perdure.protocol.replies import ExecutionStatus
from perdure.protocol.retry import RetryPolicyData
from perdure_engine.core.standalone.attempt import is_out
from tests.unit.perdure_engine.core.standalone.executions import (
    MINUTE,
    SECOND_US,
    Audited,
    completed,
    failed,
    request,
)


def test_a_failed_attempt_is_tried_again_after_its_backoff() -> None:
    said = Audited()
    began_us = said.now_us
    said.decide(failed(said))
    assert not said.entry
    assert not is_out(said.execution, 2, said.now_us)
    said.fire()
    assert said.now_us == began_us + SECOND_US
    assert (said.task.attempt, said.execution.last_failure.message) == (2, "no")  # type: ignore[union-attr]
    said.decide(completed(said))
    assert said.execution.status == ExecutionStatus.COMPLETED


def test_a_failure_says_when_to_try_again() -> None:
    said = Audited()
    began_us = said.now_us
    said.decide(failed(said, ApplicationInfo("RateLimited", next_retry_delay_ms=7_000)))
    said.fire()
    assert said.now_us == began_us + 7 * SECOND_US


def test_a_failure_that_is_not_tried_again_closes_it_and_keeps_the_input() -> None:
    said = Audited()
    said.decide(failed(said, ApplicationInfo("Fatal", True)))
    outcome = said.execution.outcome
    assert outcome is not None
    assert outcome.status == ExecutionStatus.FAILED
    assert outcome.failure is not None
    assert outcome.failure.message == "no"
    assert said.execution.attributes.input == b"in"


def test_the_last_of_its_attempts_closes_it() -> None:
    said = Audited(request(MINUTE._replace(retry_policy=RetryPolicyData(maximum_attempts=2))))
    said.decide(failed(said))
    said.fire()
    said.decide(failed(said))
    assert said.execution.status == ExecutionStatus.FAILED


def test_no_attempt_begins_that_would_come_too_late() -> None:
    options = ActivityOptions(schedule_to_close_timeout_ms=1_500, retry_policy=RetryPolicyData(1_000))
    said = Audited(request(options))
    said.decide(failed(said))
    said.fire()
    said.decide(failed(said))
    assert said.execution.status == ExecutionStatus.FAILED


def test_one_attempt_alone_waits_for_leave_to_begin() -> None:
    assert Audited(request(MINUTE._replace(retry_policy=RetryPolicyData(maximum_attempts=1)))).task.report_start


def test_jitter_leaves_a_share_of_the_backoff_to_chance() -> None:
    policy = RetryPolicyData(10_000, jitter=1.0)
    waits = set()
    for number in range(20):
        said = Audited(request(MINUTE._replace(retry_policy=policy), activity_id=f"mail-{number}"))
        began_us = said.now_us
        said.decide(failed(said))
        said.fire()
        waits.add(said.now_us - began_us)
    assert len(waits) > 15
    assert 0 < min(waits) < 5 * SECOND_US < max(waits) <= 10 * SECOND_US
