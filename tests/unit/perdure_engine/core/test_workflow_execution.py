"""The run itself: how it starts, and that nothing stays behind when it closes."""

from __future__ import annotations

import pytest

from perdure.protocol.commands import (
    CancelWorkflowExecution,
    Command,
    CompleteWorkflowExecution,
    FailWorkflowExecution,
    StartTimer,
)
from perdure.protocol.failure import Failure
from perdure.protocol.memo import pack_memo
from perdure.protocol.payload import PAYLOAD_SIZE_MAX, Payload
from perdure.protocol.replies import ErrorCode, ExecutionStatus
from perdure.protocol.requests import TerminateWorkflow
from perdure_engine.core.transition import Close, Push, Remember, TimerKind
from tests.unit.perdure_engine.core.runs import (
    RUN_ID,
    SECOND_US,
    START_US,
    activity_command,
    begun,
    go_on,
    names,
    refusal,
    report_started,
    running,
    signal,
)

TERMINATE = TerminateWorkflow("default", "order-7", "", "enough", b"", "end-1", "client")

MEMO = pack_memo({"note": Payload({"encoding": b"json/plain"}, b"1")})


def test_a_start_tells_all_that_later_runs_need() -> None:
    run = begun(memo=MEMO, run_timeout_ms=5_000)
    started = run.history[0].attributes
    assert started.first_execution_run_id == RUN_ID
    assert (started.workflow_type, started.task_queue, started.memo, started.attempt) == ("Order", "q", MEMO, 1)
    assert (run.state.shard_id, run.state.start_time_us) == (7, START_US)


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (CompleteWorkflowExecution(b"done"), ExecutionStatus.COMPLETED),
        (FailWorkflowExecution(Failure("it broke")), ExecutionStatus.FAILED),
        (CancelWorkflowExecution(b"why"), ExecutionStatus.CANCELED),
    ],
)
def test_a_workflow_closes_by_its_own_will(command: Command, status: ExecutionStatus) -> None:
    run = running(activity_command(), StartTimer("nap", 60_000), run_timeout_ms=60_000)
    report_started(run, worker="w9")
    signal(run)
    transition = go_on(run, command)
    [close] = [effect for effect in transition.effects if isinstance(effect, Close)]
    assert close.outcome.status == run.state.status == status
    [push] = [effect for effect in transition.effects if isinstance(effect, Push)]
    assert (push.worker, push.message.current) == ("w9", False)
    assert not run.tasks
    assert not run.timers


def test_a_termination_takes_everything_back() -> None:
    run = begun()
    signal(run)
    transition = run.decide(TERMINATE)
    assert names(transition) == ["WORKFLOW_EXECUTION_SIGNALED", "WORKFLOW_EXECUTION_TERMINATED"]
    assert Remember("end-1") in transition.effects
    assert not run.tasks


def test_a_termination_by_the_engine_leaves_no_request_id() -> None:
    effects = begun().decide(TERMINATE._replace(request_id="")).effects
    assert not any(isinstance(effect, Remember) for effect in effects)


def test_details_of_a_termination_have_a_limit() -> None:
    run = begun()
    reply = refusal(run.decide(TERMINATE._replace(details=b"x" * (PAYLOAD_SIZE_MAX + 1))))
    assert reply.code == ErrorCode.INVALID_ARGUMENT
    assert reply.message.startswith("the details of the termination came to 2097153 bytes")
    assert run.state.is_open


def test_a_run_times_out() -> None:
    run = running(StartTimer("nap", 60_000), run_timeout_ms=1_000)
    run.now_us += SECOND_US
    row = min(run.timers)
    assert row[1] == TimerKind.RUN_TIMEOUT
    assert names(run.fire(row)) == ["WORKFLOW_EXECUTION_TIMED_OUT"]
    assert run.state.status == ExecutionStatus.TIMED_OUT
    assert not run.timers
