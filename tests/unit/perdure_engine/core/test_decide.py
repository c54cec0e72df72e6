"""`decide` finds the machine; starts are checked, and settled against what ran before under their workflow id."""

from __future__ import annotations

import math
from typing import Any

import pytest

from perdure.protocol.commands import CompleteWorkflowExecution
from perdure.protocol.payload import PAYLOAD_SIZE_MAX
from perdure.protocol.replies import ErrorCode, ErrorReply, ExecutionStatus, ReplyKind, Started
from perdure.protocol.requests import AwaitResult, IdConflictPolicy, IdReusePolicy, SignalWorkflow
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.search_attributes import SearchAttributeType, pack_search_attributes
from perdure_engine.core.decide import (
    DECIDED,
    TIMED,
    decide,
    decide_start,
    decide_timer,
    settle_open_conflict,
    settle_reuse,
    start_problem,
)
from perdure_engine.core.state import Bug
from perdure_engine.core.transition import TimerKind, Transition
from tests.unit.perdure_engine.core.runs import RUN_ID, START_US, begun, running, signal, start_request


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, None),
        ({"run_timeout_ms": 1, "start_delay_ms": 5, "retry_policy": RetryPolicyData()}, None),
        ({"namespace": ""}, "namespace must not be empty"),
        ({"workflow_id": "x" * 1001}, "workflow id has 1001 characters; the limit is 1000"),
        ({"workflow_type": ""}, "workflow type must not be empty"),
        ({"task_queue": ""}, "task queue must not be empty"),
        ({"request_id": ""}, "request id must not be empty"),
        ({"input": b"x" * (PAYLOAD_SIZE_MAX + 1)}, "the input of workflow 'order-7' came to 2097153 bytes"),
        ({"memo": b"x" * (PAYLOAD_SIZE_MAX + 1)}, "the memo takes 2,097,153 bytes, the limit is 2,097,152"),
        ({"headers": b"x" * (PAYLOAD_SIZE_MAX + 1)}, "the headers came to 2097153 bytes; the limit is 2097152"),
        ({"memo": b"x"}, "the memo or the search attributes cannot be read: a memo must be a map"),
        (
            {"search_attributes": b"x"},
            "the memo or the search attributes cannot be read: search attributes must be a map",
        ),
        (
            {"search_attributes": pack_search_attributes({"Amount": (SearchAttributeType.INT, "many")})},
            "search attribute 'Amount' is Int, which takes an integer of 64 bits, not 'many'",
        ),
        ({"execution_timeout_ms": -1}, "the execution timeout is -1 ms; it must be at least 0"),
        ({"run_timeout_ms": 2**62}, "the run timeout is 4611686018427387904 ms; it must be at least 0 and at most"),
        ({"task_timeout_ms": -1}, "the task timeout is -1 ms"),
        ({"start_delay_ms": -1}, "the start delay is -1 ms"),
        ({"priority": 5, "summary": "s" * 400, "static_details": "d" * 20_000}, None),
        ({"priority": 6}, "its priority is 6; it must be from 1 to 5"),
        ({"summary": "s" * 401}, "its static summary has 401 characters; the limit is 400"),
        ({"retry_policy": RetryPolicyData(backoff_coefficient=math.inf)}, "the backoff coefficient of the retry"),
    ],
)
def test_what_a_start_must_say(changes: dict[str, Any], problem: str | None) -> None:
    request = start_request(**changes)
    found = start_problem(request)
    assert found == problem if problem is None else found is not None and found.startswith(problem)
    state, transition = decide_start(request, RUN_ID, 7, START_US)
    if problem is None:
        assert state is not None
        assert (transition.reply_kind, transition.reply_body) == (ReplyKind.OK, Started(RUN_ID, True))
    else:
        assert state is None
        assert transition.reply_body == ErrorReply(ErrorCode.INVALID_ARGUMENT, found or "")


@pytest.mark.parametrize(
    ("policy", "free", "body"),
    [
        (IdConflictPolicy.FAIL, False, ErrorCode.ALREADY_STARTED),
        (IdConflictPolicy.USE_EXISTING, False, Started("old", False)),
        (IdConflictPolicy.TERMINATE_EXISTING, True, None),
        (99, False, ErrorCode.ALREADY_STARTED),
    ],
)
def test_a_start_while_a_run_is_open(policy: int, free: bool, body: Any) -> None:
    transition = Transition()
    assert settle_open_conflict(start_request(id_conflict_policy=policy), "old", transition) is free
    if body == ErrorCode.ALREADY_STARTED:
        assert (transition.reply_body.code, transition.reply_body.run_id) == (body, "old")
        assert transition.reply_body.message.startswith("workflow 'order-7' is running already; use its handle")
    else:
        assert transition.reply_body == body


@pytest.mark.parametrize(
    ("policy", "status", "free"),
    [
        (IdReusePolicy.ALLOW_DUPLICATE, ExecutionStatus.COMPLETED, True),
        (IdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY, ExecutionStatus.COMPLETED, False),
        (IdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY, ExecutionStatus.FAILED, True),
        (IdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY, ExecutionStatus.TERMINATED, True),
        (IdReusePolicy.REJECT_DUPLICATE, ExecutionStatus.FAILED, False),
        (99, ExecutionStatus.FAILED, False),
    ],
)
def test_a_start_after_a_run_closed(policy: int, status: int, free: bool) -> None:
    transition = Transition()
    assert settle_reuse(start_request(id_reuse_policy=policy), "old", status, transition) is free
    if free:
        assert transition.reply_kind is None
    else:
        assert (transition.reply_body.code, transition.reply_body.run_id) == (ErrorCode.ALREADY_STARTED, "old")
        assert "its id reuse policy does not allow another run" in transition.reply_body.message


def test_what_no_machine_decides_is_a_bug() -> None:
    state = begun().state
    with pytest.raises(Bug, match="no machine decides AwaitResult"):
        decide(state, AwaitResult("default", "order-7", ""), START_US)
    with pytest.raises(Bug, match="no machine for a timer of kind 99"):
        decide_timer(state, 99, 5, 1, START_US)


def test_a_closed_run_is_past_deciding() -> None:
    state = running(CompleteWorkflowExecution(b"")).state
    with pytest.raises(Bug, match=f"run {RUN_ID} is closed: SignalWorkflow is not for the machines"):
        decide(state, SignalWorkflow("default", "order-7", "", "poke", b"", "r", "client"), START_US)
    with pytest.raises(Bug, match="is closed: a timer of kind 1 is not for the machines"):
        decide_timer(state, TimerKind.USER, 5, 0, START_US)


def test_every_timer_has_its_machine() -> None:
    assert set(TIMED) == set(TimerKind)
    assert all(callable(machine) for machine in DECIDED.values())


def test_a_decision_has_its_answer() -> None:
    assert signal(begun()).reply_kind == ReplyKind.OK
