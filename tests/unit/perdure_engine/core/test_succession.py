"""The succession of runs: what follows a close, and what it is given."""

from __future__ import annotations

import pytest

from perdure.protocol.commands import (
    CancelWorkflowExecution,
    CompleteWorkflowExecution,
    ContinueAsNewWorkflowExecution,
    FailWorkflowExecution,
)
from perdure.protocol.events import ContinueAsNewInitiator, EventType, WorkflowExecutionStarted
from perdure.protocol.failure import ApplicationInfo, CanceledInfo, Failure, RetryState, ServerInfo
from perdure.protocol.ids import run_id_after
from perdure.protocol.memo import pack_memo
from perdure.protocol.payload import PAYLOAD_SIZE_MAX, Payload
from perdure.protocol.replies import ExecutionStatus
from perdure.protocol.requests import TerminateWorkflow
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.search_attributes import SearchAttributeType, pack_search_attributes
from perdure_engine.core.transition import TimerKind
from tests.audited_run import AuditedRun
from tests.unit.perdure_engine.core.runs import (
    RUN_ID,
    SECOND_US,
    START_US,
    begun,
    go_on,
    names,
    record_of,
    signal,
)

POLICY = RetryPolicyData(initial_interval_ms=1_000, backoff_coefficient=2.0, non_retryable_error_types=("Fatal",))
MEMO = pack_memo({"note": Payload({}, b"1")})
ATTRIBUTES = pack_search_attributes({"Mood": (int(SearchAttributeType.KEYWORD), "calm")})
ODD = Failure.of("it broke", ApplicationInfo("Odd"))


def started_of(run: AuditedRun) -> WorkflowExecutionStarted:
    attributes: WorkflowExecutionStarted = run.history[0].attributes
    return attributes


def first_task(run: AuditedRun) -> None:
    """Time passes until the first workflow task is due."""
    [row] = [row for row in run.timers if row[0] == run.state.first_task_us]
    run.now_us = row[0]
    run.fire(row)


# Continue-as-new ----------------------------------------------------------------------------------------------------


def test_a_run_that_continues_is_followed_by_one_like_it() -> None:
    run = begun(memo=MEMO, headers=b"headers", search_attributes=ATTRIBUTES, run_timeout_ms=60_000, retry_policy=POLICY)
    transition = go_on(run, ContinueAsNewWorkflowExecution(b"more"))
    assert run.state.status == ExecutionStatus.CONTINUED_AS_NEW
    event = record_of(transition, EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW).attributes
    new = run.follow()
    assert run.state.outcome is not None
    assert event.new_execution_run_id == new.state.run_id == run.state.outcome.next_run_id == run_id_after(RUN_ID)
    before, after = started_of(run), started_of(new)
    assert after == before._replace(
        input=b"more",
        continued_execution_run_id=RUN_ID,
        initiator=ContinueAsNewInitiator.WORKFLOW,
    )
    assert (event.memo, event.headers, event.search_attributes) == (MEMO, b"headers", ATTRIBUTES)
    assert names(new.started) == ["WORKFLOW_EXECUTION_STARTED", "WORKFLOW_TASK_SCHEDULED"]
    assert not run.timers
    assert len(new.tasks) == 1


def test_a_continuation_may_change_what_it_names() -> None:
    run = begun(run_timeout_ms=60_000)
    command = ContinueAsNewWorkflowExecution(
        b"", "Other", "q2", 5_000, 20_000, 3_000, POLICY, MEMO, ATTRIBUTES, b"headers 2"
    )
    go_on(run, command)
    new = run.follow()
    started = started_of(new)
    assert (started.workflow_type, started.task_queue, started.input) == ("Other", "q2", b"")
    assert (started.run_timeout_ms, started.task_timeout_ms, started.retry_policy) == (5_000, 20_000, POLICY)
    assert (started.memo, started.search_attributes, started.headers) == (MEMO, ATTRIBUTES, b"headers 2")
    assert not new.tasks
    signal(new)
    assert not new.tasks, "it backs off"
    first_task(new)
    assert new.now_us == START_US + 3 * SECOND_US
    assert len(new.tasks) == 1


def test_a_chain_remembers_its_first_run() -> None:
    run = begun()
    for _ in range(3):
        go_on(run, ContinueAsNewWorkflowExecution(b""))
        run = run.follow()
    assert started_of(run).first_execution_run_id == RUN_ID
    assert run.state.run_id == run_id_after(run_id_after(run_id_after(RUN_ID)))


def test_the_execution_timeout_spans_the_chain_and_the_run_timeout_one_run() -> None:
    run = begun(execution_timeout_ms=10_000, run_timeout_ms=7_000)
    run.now_us += 6 * SECOND_US
    go_on(run, ContinueAsNewWorkflowExecution(b""))
    new = run.follow()
    [row] = new.timers
    assert row[0] == START_US + 10 * SECOND_US
    new.now_us = row[0]
    assert names(new.fire(row)) == ["WORKFLOW_EXECUTION_TIMED_OUT"]
    assert new.successor is None


@pytest.mark.parametrize(
    "command",
    [
        ContinueAsNewWorkflowExecution(b"x" * (PAYLOAD_SIZE_MAX + 1)),
        ContinueAsNewWorkflowExecution(b"", "x" * 1_001),
        ContinueAsNewWorkflowExecution(b"", "", "q\0"),
        ContinueAsNewWorkflowExecution(b"", run_timeout_ms=-1),
        ContinueAsNewWorkflowExecution(b"", task_timeout_ms=-1),
        ContinueAsNewWorkflowExecution(b"", backoff_start_interval_ms=-1),
        ContinueAsNewWorkflowExecution(b"", retry_policy=POLICY._replace(backoff_coefficient=0.5)),
        ContinueAsNewWorkflowExecution(b"", memo=b"x" * (PAYLOAD_SIZE_MAX + 1)),
    ],
)
def test_a_continuation_that_makes_no_sense_fails_the_task(command: ContinueAsNewWorkflowExecution) -> None:
    run = begun()
    transition = go_on(run, command)
    assert record_of(transition, EventType.WORKFLOW_TASK_FAILED).attributes.cause == "BAD_COMMAND"
    assert run.state.is_open


@pytest.mark.parametrize(
    "command",
    [
        ContinueAsNewWorkflowExecution(b""),
        CompleteWorkflowExecution(b""),
        FailWorkflowExecution(ODD),
        CancelWorkflowExecution(),
    ],
)
def test_no_close_overtakes_a_signal(command: ContinueAsNewWorkflowExecution) -> None:
    run = begun(retry_policy=POLICY)
    signal(run)
    transition = go_on(run, command)
    assert record_of(transition, EventType.WORKFLOW_TASK_FAILED).attributes.cause == "UNHANDLED_COMMAND"
    assert names(transition)[-2:] == ["WORKFLOW_EXECUTION_SIGNALED", "WORKFLOW_TASK_SCHEDULED"]
    assert run.state.is_open
    go_on(run, command)
    assert not run.state.is_open


# Retry --------------------------------------------------------------------------------------------------------------


def test_a_workflow_that_fails_is_tried_again_after_its_backoff() -> None:
    run = begun(retry_policy=POLICY)
    for attempt, delay_s in ((2, 1), (3, 2), (4, 4)):
        closed = record_of(go_on(run, FailWorkflowExecution(ODD)), EventType.WORKFLOW_EXECUTION_FAILED).attributes
        assert closed.retry_state == RetryState.IN_PROGRESS
        before_us = run.now_us
        run = run.follow()
        assert closed.new_execution_run_id == run.state.run_id
        started = started_of(run)
        assert (started.attempt, started.continued_failure, started.input) == (attempt, ODD, b"input")
        assert started.initiator == ContinueAsNewInitiator.RETRY
        first_task(run)
        assert run.now_us == before_us + delay_s * SECOND_US


@pytest.mark.parametrize(
    ("failure", "policy", "state"),
    [
        (ODD, None, RetryState.RETRY_POLICY_NOT_SET),
        (ODD, POLICY._replace(maximum_attempts=1), RetryState.MAXIMUM_ATTEMPTS_REACHED),
        (Failure.of("no", ApplicationInfo("Fatal")), POLICY, RetryState.NON_RETRYABLE_FAILURE),
        (Failure.of("no", ApplicationInfo("Odd", non_retryable=True)), POLICY, RetryState.NON_RETRYABLE_FAILURE),
        (Failure.of("no", ServerInfo(non_retryable=True)), POLICY, RetryState.NON_RETRYABLE_FAILURE),
        (Failure.of("no", CanceledInfo()), POLICY, RetryState.NON_RETRYABLE_FAILURE),
        (ODD, POLICY._replace(initial_interval_ms=60_000), RetryState.TIMEOUT),
    ],
)
def test_a_workflow_is_not_tried_again_for_a_reason(
    failure: Failure, policy: RetryPolicyData | None, state: RetryState
) -> None:
    run = begun(retry_policy=policy, execution_timeout_ms=60_000)
    transition = go_on(run, FailWorkflowExecution(failure))
    closed = record_of(transition, EventType.WORKFLOW_EXECUTION_FAILED).attributes
    assert (closed.retry_state, closed.new_execution_run_id) == (state, "")
    assert run.successor is None


def test_a_failure_may_say_when_to_try_again() -> None:
    run = begun(retry_policy=POLICY)
    go_on(run, FailWorkflowExecution(Failure.of("later", ApplicationInfo("Odd", next_retry_delay_ms=90_000))))
    assert run.follow().state.first_task_us == START_US + 90 * SECOND_US


def test_a_run_that_times_out_is_tried_again() -> None:
    run = begun(retry_policy=POLICY, run_timeout_ms=5_000)
    [row] = run.timers
    run.now_us = row[0]
    closed = record_of(run.fire(row), EventType.WORKFLOW_EXECUTION_TIMED_OUT).attributes
    assert closed.retry_state == RetryState.IN_PROGRESS
    new = run.follow()
    assert started_of(new).attempt == 2
    first_task(new)
    assert (new.now_us + 5 * SECOND_US, TimerKind.RUN_TIMEOUT, 0) in new.timers


def test_a_continuation_begins_to_count_attempts_anew() -> None:
    run = begun(retry_policy=POLICY)
    go_on(run, FailWorkflowExecution(ODD))
    run = run.follow()
    first_task(run)
    go_on(run, ContinueAsNewWorkflowExecution(b""))
    assert (started_of(run.follow()).attempt, started_of(run.follow()).continued_failure) == (1, None)


# Cron ---------------------------------------------------------------------------------------------------------------


def test_a_schedule_runs_again_with_the_last_result() -> None:
    run = begun(cron_schedule="@every 10s")
    first_task(run)
    assert run.now_us == START_US + 10 * SECOND_US
    run.now_us += 4 * SECOND_US
    closed = record_of(go_on(run, CompleteWorkflowExecution(b"one")), EventType.WORKFLOW_EXECUTION_COMPLETED).attributes
    run = run.follow()
    assert closed.new_execution_run_id == run.state.run_id
    assert started_of(run).last_completion_result == b"one"
    assert started_of(run).initiator == ContinueAsNewInitiator.CRON_SCHEDULE
    first_task(run)
    assert run.now_us == START_US + 20 * SECOND_US
    go_on(run, FailWorkflowExecution(ODD))
    run = run.follow()
    started = started_of(run)
    assert (started.last_completion_result, started.continued_failure) == (b"one", ODD)
    first_task(run)
    go_on(run, CompleteWorkflowExecution(b"two"))
    started = started_of(run.follow())
    assert (started.last_completion_result, started.continued_failure) == (b"two", None)


def test_a_run_that_took_too_long_leaves_times_of_its_schedule_out() -> None:
    run = begun(cron_schedule="@every 10s")
    first_task(run)
    run.now_us += 25 * SECOND_US
    go_on(run, CompleteWorkflowExecution(b""))
    assert run.follow().state.first_task_us == START_US + 40 * SECOND_US


def test_a_retry_comes_before_the_next_time_of_the_schedule() -> None:
    run = begun(cron_schedule="@every 100s", retry_policy=POLICY._replace(maximum_attempts=2))
    first_task(run)
    go_on(run, FailWorkflowExecution(ODD))
    run = run.follow()
    assert started_of(run).initiator == ContinueAsNewInitiator.RETRY
    first_task(run)
    go_on(run, FailWorkflowExecution(ODD))
    run = run.follow()
    assert (started_of(run).initiator, started_of(run).attempt) == (ContinueAsNewInitiator.CRON_SCHEDULE, 1)


def test_a_schedule_ends_with_the_execution_timeout() -> None:
    run = begun(cron_schedule="@every 10s", execution_timeout_ms=15_000)
    first_task(run)
    go_on(run, CompleteWorkflowExecution(b""))
    run = run.follow()
    first_task(run)
    go_on(run, CompleteWorkflowExecution(b""))
    assert run.successor is None


def test_a_schedule_ends_with_a_cancellation_or_termination() -> None:
    run = begun(cron_schedule="@every 10s")
    first_task(run)
    go_on(run, CancelWorkflowExecution())
    assert run.successor is None
    run = begun(cron_schedule="@every 10s")
    run.decide(TerminateWorkflow("default", "order-7", "", "enough", b"", "end-1", "client"))
    assert run.successor is None
