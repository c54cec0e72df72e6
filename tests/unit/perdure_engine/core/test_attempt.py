"""Attempts: whether there is another one, when, and what the last one leaves behind."""

from __future__ import annotations

import pytest

from perdure.protocol.events import EventType
from perdure.protocol.failure import ApplicationInfo, Failure, RetryState, ServerInfo, TimeoutInfo, TimeoutType
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.tasks import TaskKind
from perdure_engine.core.attempt import current
from perdure_engine.core.transition import SetTimer, TimerKind
from tests.unit.perdure_engine.core.runs import (
    SECOND_US,
    START_US,
    activity_command,
    complete_activity,
    fail_activity,
    names,
    record_of,
    refusal,
    report_started,
    running,
    signal,
)


@pytest.mark.parametrize(
    ("info", "delay_ms"),
    [
        (ApplicationInfo("Odd"), 1_000),
        (ApplicationInfo("Odd", next_retry_delay_ms=250), 250),
        (ApplicationInfo("Odd", next_retry_delay_ms=-5), 1_000),
        (ApplicationInfo("Odd", next_retry_delay_ms=2**62), 100 * 366 * 24 * 3600 * 1000),
    ],
)
def test_the_next_attempt_waits(info: ApplicationInfo, delay_ms: int) -> None:
    run = running(activity_command())
    transition = fail_activity(run, info=info)
    at_us = START_US + delay_ms * 1000
    assert SetTimer(at_us, TimerKind.ACTIVITY_RETRY, 5, 2) in transition.effects
    activity = run.state.activities[5]
    assert activity.attempt_scheduled_time_us == at_us
    assert current(run.state, 5, 2, at_us - 1) is None
    assert current(run.state, 5, 2, at_us) is activity
    assert current(run.state, 5, 1, at_us) is None


def test_no_backoff_means_at_once() -> None:
    run = running(activity_command(retry_policy=RetryPolicyData(initial_interval_ms=0)))
    fail_activity(run)
    assert run.tasks[TaskKind.ACTIVITY, 5].attempt == 2


@pytest.mark.parametrize(
    ("failure", "policy", "retry_state"),
    [
        (Failure.of("x", ApplicationInfo("Odd", True)), None, RetryState.NON_RETRYABLE_FAILURE),
        (Failure.of("x", ServerInfo(True)), None, RetryState.NON_RETRYABLE_FAILURE),
        (
            Failure.of("x", ApplicationInfo("Odd")),
            RetryPolicyData(non_retryable_error_types=("Odd",)),
            RetryState.NON_RETRYABLE_FAILURE,
        ),
        (
            Failure.of("x", ApplicationInfo("Odd")),
            RetryPolicyData(maximum_attempts=1),
            RetryState.MAXIMUM_ATTEMPTS_REACHED,
        ),
        (Failure.of("x", ApplicationInfo("Odd")), RetryPolicyData(initial_interval_ms=60_000), RetryState.TIMEOUT),
    ],
)
def test_the_last_failure_becomes_the_outcome(
    failure: Failure, policy: RetryPolicyData | None, retry_state: RetryState
) -> None:
    run = running(activity_command(schedule_to_close_timeout_ms=60_000, retry_policy=policy))
    transition = fail_activity(run, failure=failure)
    assert names(transition) == ["ACTIVITY_TASK_STARTED", "ACTIVITY_TASK_FAILED", "WORKFLOW_TASK_SCHEDULED"]
    failed = record_of(transition, EventType.ACTIVITY_TASK_FAILED).attributes
    assert (failed.failure, failed.retry_state) == (failure, retry_state)
    assert failed.started_event_id == 6


def test_a_timeout_failure_of_the_worker_becomes_a_timeout() -> None:
    run = running(activity_command(retry_policy=RetryPolicyData(maximum_attempts=1)))
    transition = fail_activity(run, failure=Failure.of("x", TimeoutInfo()))
    assert names(transition)[1] == "ACTIVITY_TASK_TIMED_OUT"


def test_a_timeout_that_the_policy_names_is_the_last() -> None:
    policy = RetryPolicyData(non_retryable_error_types=("TemporalTimeout:StartToClose",))
    run = running(activity_command(retry_policy=policy))
    transition = fail_activity(run, failure=Failure.of("x", TimeoutInfo()))
    assert names(transition)[1] == "ACTIVITY_TASK_TIMED_OUT"
    other = running(activity_command(retry_policy=policy))
    fail_activity(other, failure=Failure.of("x", TimeoutInfo(TimeoutType.HEARTBEAT)))
    assert other.state.activities[5].attempt == 2


def test_failures_of_attempts_do_not_grow() -> None:
    """Each timeout of an attempt stands alone; the outcome's has one cause. A hundred attempts must stay readable."""
    policy = RetryPolicyData(1_000, 1.0, maximum_attempts=100)
    run = running(activity_command(start_to_close_timeout_ms=1_000, retry_policy=policy))
    for attempt in range(1, 101):
        report_started(run, attempt=attempt)
        run.now_us += SECOND_US
        [row] = run.due()
        last = run.fire(row)
        run.now_us += SECOND_US
        for row in run.due():
            run.fire(row)
    failure = record_of(last, EventType.ACTIVITY_TASK_TIMED_OUT).attributes.failure
    assert failure.cause is not None
    assert failure.cause.cause is None
    run.end_batch()


def test_a_huge_failure_is_cut() -> None:
    run = running(activity_command())
    transition = fail_activity(run, info=ApplicationInfo("Odd", details=b"x" * 3_000_000))
    failure = record_of(transition, EventType.ACTIVITY_ATTEMPT_FAILED).attributes.failure
    assert failure.message.startswith("it broke (a failure of 3000")
    assert failure.info == ApplicationInfo("Odd")


def test_a_buffered_outcome_learns_the_id_of_its_start_when_it_is_flushed() -> None:
    run = running(activity_command())
    signal(run)
    complete_activity(run)
    [completed] = run.end_batch()
    assert completed.attributes.attempt == 1
    assert completed.attributes.attributes.started_event_id == 0
    refusal(fail_activity(run))
