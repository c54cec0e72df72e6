"""When a request is sent again, given up, or answered: by a clock of the test."""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import Any

import pytest

from perdure.protocol.codec import DecodeError
from perdure.protocol.frontend import DescribeCluster
from perdure.protocol.ids import shard_id_for
from perdure.protocol.replies import ErrorCode, ErrorReply, ExecutionStatus, Outcome, ReplyKind, Started
from perdure.protocol.requests import AwaitResult, RequestType, SignalWorkflow, StartWorkflow, StartWorkflowWith
from perdure.protocol.updates import AwaitUpdate, UpdateReply, UpdateStage, UpdateWorkflow
from perdure.transport.unanswered import (
    FRONTEND,
    REFUSALS_MAX,
    RENEW_AFTER_MAX_S,
    RENEW_AFTER_S,
    RESEND_AFTER_MAX_S,
    RESEND_AFTER_S,
    UnansweredRequests,
)

NEVER = float("inf")
SIGNAL = SignalWorkflow("default", "w", "", "s", b"", "r", "t")
START = StartWorkflow("default", "w", "Greet", "q", b"", "r", "t", wait_result=True)


class Caller:
    """Collects what it is told."""

    def __init__(self) -> None:
        self.replies: list[tuple[int, Any]] = []

    def __call__(self, kind: int, body: Any) -> None:
        self.replies.append((kind, body))


@pytest.fixture
def table() -> UnansweredRequests:
    return UnansweredRequests(random.Random(1))


def error(code: ErrorCode, retry_after_ms: int = 0) -> tuple[Any, ...]:
    return tuple(ErrorReply(int(code), "no", retry_after_ms=retry_after_ms))


def sent(table: UnansweredRequests, now: float) -> list[int]:
    return [row[0] for _, row in table.due(now)]


def test_numbers_count_up_and_name_the_kind(table: UnansweredRequests) -> None:
    first = table.add(3, SIGNAL, Caller(), 0.0, NEVER)
    second = table.add(FRONTEND, DescribeCluster(), Caller(), 0.0, NEVER)
    assert first[:2] == (1, RequestType.SIGNAL_WORKFLOW)
    assert second[0] == 2
    assert len(table) == 2
    assert 1 in table


def test_a_reply_goes_to_its_caller_once(table: UnansweredRequests) -> None:
    caller = Caller()
    table.add(3, SIGNAL, caller, 0.0, NEVER)
    assert table.answered(1, ReplyKind.OK, None, 1.0) is caller
    assert table.answered(1, ReplyKind.OK, None, 1.0) is None
    assert len(table) == 0


def test_it_is_sent_again_with_growing_pauses_until_it_is_answered(table: UnansweredRequests) -> None:
    table.add(3, SIGNAL, Caller(), 0.0, NEVER)
    assert sent(table, RESEND_AFTER_S - 0.1) == []
    times: list[float] = []
    now = 0.0
    while len(times) < 8:
        now += 0.25
        if sent(table, now):
            times.append(now)
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert times[0] == RESEND_AFTER_S
    assert max(pauses) <= RESEND_AFTER_MAX_S + 0.25
    assert pauses[-1] >= RESEND_AFTER_MAX_S * 0.75 > pauses[0]


def test_it_is_given_up_at_its_deadline(table: UnansweredRequests) -> None:
    patient, hasty = Caller(), Caller()
    table.add(3, SIGNAL, patient, 0.0, NEVER)
    table.add(3, SIGNAL, hasty, 0.0, 30.0)
    assert table.expired(29.9) == []
    assert table.expired(30.0) == [hasty]
    assert len(table) == 1
    assert table.give_up_all() == [patient]
    assert len(table) == 0


def test_what_the_server_lost_is_due_at_once(table: UnansweredRequests) -> None:
    table.add(3, SIGNAL, Caller(), 0.0, NEVER)
    table.hasten(1.0)
    assert sent(table, 1.0) == [1]


def test_a_start_that_waits_becomes_a_waiter_and_has_no_deadline(table: UnansweredRequests) -> None:
    caller = Caller()
    table.add(3, START, caller, 0.0, 30.0)
    assert table.answered(1, ReplyKind.OK, tuple(Started("run", True)), 1.0) is None
    assert table.expired(1000.0) == []
    ((shard_id, row),) = list(table.due(1.0 + RENEW_AFTER_S))
    assert (shard_id, row) == (3, (1, RequestType.AWAIT_RESULT, AwaitResult("default", "w", "run")))
    outcome = tuple(Outcome("run", ExecutionStatus.COMPLETED))
    assert table.answered(1, ReplyKind.OUTCOME, outcome, 20.0) is caller


def test_a_waiter_is_renewed_ever_more_rarely(table: UnansweredRequests) -> None:
    table.add(3, AwaitResult("default", "w", "run"), Caller(), 0.0, 30.0)
    times: list[float] = []
    now = 0.0
    table.answered(1, ReplyKind.REGISTERED, None, 0.0)
    while len(times) < 6:
        now += 0.25
        if sent(table, now):
            times.append(now)
            table.answered(1, ReplyKind.REGISTERED, None, now)
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert times[0] <= RENEW_AFTER_S
    assert RENEW_AFTER_MAX_S * 0.75 <= pauses[-1] <= RENEW_AFTER_MAX_S + 0.25


def test_a_repeated_start_asks_at_once_since_its_run_may_have_closed(table: UnansweredRequests) -> None:
    table.add(3, START, Caller(), 0.0, NEVER)
    assert sent(table, RESEND_AFTER_S) == [1]
    table.answered(1, ReplyKind.OK, tuple(Started("run", False)), 6.0)
    assert [type(row[2]) for _, row in table.due(6.0)] == [AwaitResult]


def test_an_outcome_may_come_before_the_start_is_confirmed(table: UnansweredRequests) -> None:
    caller = Caller()
    table.add(3, START, caller, 0.0, NEVER)
    assert table.answered(1, ReplyKind.OUTCOME, tuple(Outcome("run", ExecutionStatus.COMPLETED)), 1.0) is caller
    assert table.answered(1, ReplyKind.OK, tuple(Started("run", True)), 1.0) is None


@pytest.mark.parametrize("code", [ErrorCode.RESOURCE_EXHAUSTED, ErrorCode.UNAVAILABLE])
def test_too_busy_means_later_and_is_told_when_it_lasts(table: UnansweredRequests, code: ErrorCode) -> None:
    caller = Caller()
    table.add(3, SIGNAL, caller, 0.0, 10_000.0)
    now = 0.0
    for _ in range(REFUSALS_MAX):
        assert table.answered(1, ReplyKind.ERROR, error(code, 2000), now) is None
        assert sent(table, now + 1.9) == []
        now += 3.0
        assert sent(table, now) == [1]
    assert table.answered(1, ReplyKind.ERROR, error(code), now) is caller


def test_without_deadline_too_busy_is_never_told(table: UnansweredRequests) -> None:
    table.add(3, SIGNAL, Caller(), 0.0, NEVER)
    for _ in range(5 * REFUSALS_MAX):
        assert table.answered(1, ReplyKind.ERROR, error(ErrorCode.RESOURCE_EXHAUSTED), 0.0) is None


def test_other_errors_are_told_at_once(table: UnansweredRequests) -> None:
    caller = Caller()
    table.add(3, SIGNAL, caller, 0.0, NEVER)
    assert table.answered(1, ReplyKind.ERROR, error(ErrorCode.NOT_FOUND), 0.0) is caller


def test_a_wrong_shard_is_found_again_by_the_new_map(table: UnansweredRequests) -> None:
    table.add(3, SIGNAL, Caller(), 0.0, NEVER)
    table.add(FRONTEND, DescribeCluster(), Caller(), 0.0, NEVER)
    assert table.answered(1, ReplyKind.ERROR, error(ErrorCode.WRONG_SHARD), 0.0) is None
    assert table.is_misrouted
    table.reroute(64)
    assert not table.is_misrouted
    assert sorted(shard_id for shard_id, _ in table.due(100.0)) == [FRONTEND, shard_id_for("default", "w", 64)]


def test_a_malformed_reply_leaves_the_request(table: UnansweredRequests) -> None:
    table.add(3, START, Caller(), 0.0, NEVER)
    with pytest.raises(DecodeError):
        table.answered(1, ReplyKind.OK, ("run",), 0.0)
    with pytest.raises(DecodeError):
        table.answered(1, ReplyKind.ERROR, "text", 0.0)
    assert len(table) == 1


async def test_nobody_asks_for_a_caller_that_has_gone(table: UnansweredRequests) -> None:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    table.add(3, SIGNAL, future, 0.0, NEVER)
    future.cancel()
    assert sent(table, 100.0) == []
    assert len(table) == 0


def test_one_request_is_given_up(table: UnansweredRequests) -> None:
    caller = Caller()
    number, *_ = table.add(3, SIGNAL, caller, 0.0, NEVER)
    assert table.give_up(number) is caller
    assert table.give_up(number) is None
    assert len(table) == 0


UPDATE = UpdateWorkflow("default", "w", "", "u1", "add", b"", "me", int(UpdateStage.COMPLETED))


def test_an_admitted_update_is_sent_again_as_if_nobody_had_answered(table: UnansweredRequests) -> None:
    caller = Caller()
    number = table.add(0, UPDATE, caller, 0.0, 30.0)[0]
    admitted = tuple(UpdateReply("run-1", int(UpdateStage.ADMITTED)))
    assert table.answered(number, ReplyKind.REGISTERED, admitted, 1.0) is None
    assert not table.expired(1_000.0)
    [(_, row)] = table.due(1.0 + RESEND_AFTER_S)
    assert row[2] == UPDATE
    assert len(sent(table, 1_000.0)) == 1


def test_an_accepted_update_is_only_waited_for_and_its_run_known(table: UnansweredRequests) -> None:
    caller = Caller()
    number = table.add(0, UPDATE, caller, 0.0, 30.0)[0]
    table.answered(number, ReplyKind.REGISTERED, tuple(UpdateReply("run-1", int(UpdateStage.ACCEPTED))), 1.0)
    assert not sent(table, 1.0 + RESEND_AFTER_S)
    [(_, row)] = table.due(1.0 + RENEW_AFTER_S)
    assert row[:2] == (number, RequestType.AWAIT_UPDATE)
    assert row[2] == AwaitUpdate("default", "w", "run-1", "u1", UpdateStage.COMPLETED)
    done = tuple(UpdateReply("run-1", int(UpdateStage.COMPLETED), b"x"))
    assert table.answered(number, ReplyKind.OUTCOME, done, 20.0) is caller
    assert len(table) == 0


def test_a_start_with_an_update_waits_for_the_update(table: UnansweredRequests) -> None:
    request = StartWorkflowWith("default", "w", START, None, UPDATE)
    number = table.add(0, request, Caller(), 0.0, 30.0)[0]
    table.answered(number, ReplyKind.REGISTERED, tuple(UpdateReply("run-1", int(UpdateStage.ACCEPTED))), 1.0)
    [(_, row)] = table.due(1.0 + RENEW_AFTER_S)
    assert row[2] == AwaitUpdate("default", "w", "run-1", "u1", UpdateStage.COMPLETED)
