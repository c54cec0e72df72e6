"""Rows, descriptions and lists, as users see them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure.client import PendingActivityState, WorkflowExecutionStatus
from perdure.client.execution import description_of, execution_of, time_of, time_or_none
from perdure.protocol.codec import pack
from perdure.protocol.events import encode_records
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.frontend import ExecutionPage, ExecutionSummary, ListWorkflows
from perdure.protocol.replies import (
    Description,
    ErrorCode,
    ErrorReply,
    HistoryPage,
    PendingActivity,
    PendingWorkflowTask,
    ReplyKind,
)
from perdure.protocol.requests import GetHistory
from perdure.service import RPCError
from perdure_broker.port import WorkerInfo
from tests.fake_engine import client_of
from tests.unit.perdure.client.every_event import HISTORY
from tests.unit.perdure.client.greeting import CONVERTER, Rows

MEMO = pack({"customer": CONVERTER.payload_converter.to_payload(["ada"])})
FAILURE = Failure.of("no tea", ApplicationInfo())


def summary(number: int) -> ExecutionSummary:
    return ExecutionSummary("default", f"w{number}", "r", "T", "q", 1, 1_000_000, 0, 0, 0, 0, MEMO)


def test_times_are_exact_to_the_microsecond() -> None:
    assert time_of(1_795_176_000_123_457) == datetime(2026, 11, 20, 12, 0, 0, 123_457, tzinfo=UTC)
    assert time_or_none(0) is None


async def test_a_row_with_its_memo() -> None:
    row = execution_of(summary(1), CONVERTER)
    assert (row.id, row.status, row.close_time, row.parent_id) == ("w1", WorkflowExecutionStatus.RUNNING, None, None)
    assert await row.memo() == {"customer": ["ada"]}
    assert await row.memo_value("customer", type_hint=tuple[str]) == ("ada",)
    assert await row.memo_value("colour", "none") == "none"
    with pytest.raises(KeyError, match="colour"):
        await row.memo_value("colour")


def test_a_description_shows_retries_and_pollers() -> None:
    activity = PendingActivity("1", "brew", "SCHEDULED", 3, 5, 1, 0, 9_000_000, "", FAILURE)
    task = PendingWorkflowTask(1_000_000, 2, FAILURE)
    row = Description("default", "w", "r", "T", "q", 1, 1, 0, 4, 90, b"", b"", (activity,), task)
    found = description_of(row, (WorkerInfo("worker", "1@host", 10, 1500),), CONVERTER)
    (pending,) = found.pending_activities
    assert (pending.state, pending.attempt, pending.worker) == (PendingActivityState.SCHEDULED, 3, None)
    assert pending.next_attempt_time == time_of(9_000_000)
    assert "no tea" in str(pending.last_failure)
    assert found.pending_workflow_task is not None
    assert (found.pending_workflow_task.attempt, str(found.pending_workflow_task.last_failure)) == (2, "no tea")
    assert found.pollers[0].last_access_age == timedelta(seconds=1.5)


def pages(number: int, request: Any) -> Rows:
    start = int(request.page_token or b"0")
    rows = tuple(summary(n) for n in range(start, min(start + request.page_size, 5)))
    yield number, ReplyKind.OK, ExecutionPage(rows, b"%d" % (start + len(rows)) if start + len(rows) < 5 else b"")


async def test_a_list_is_read_page_by_page() -> None:
    async with client_of(pages) as (client, engine):
        rows = client.list_workflows("ExecutionStatus = 'Running'", page_size=2)
        assert [row.id async for row in rows] == ["w0", "w1", "w2", "w3", "w4"]
        requests = engine.requests(ListWorkflows)
        assert [(request.status, request.page_token) for request in requests] == [(1, b""), (1, b"2"), (1, b"4")]


async def test_a_limit_bounds_rows_and_pages() -> None:
    async with client_of(pages) as (client, engine):
        assert [row.id async for row in client.list_workflows(limit=3, page_size=2)] == ["w0", "w1", "w2"]
        assert [request.page_size for request in engine.requests(ListWorkflows)] == [2, 1]
        assert [row.id async for row in client.list_workflows(limit=0)] == []


async def test_an_empty_list_ends_at_once() -> None:
    async with client_of(lambda number, _: [(number, ReplyKind.OK, ExecutionPage(()))]) as (client, _):
        assert [row async for row in client.list_workflows()] == []


async def test_a_list_becomes_histories() -> None:
    """Each of its own run; one that is gone since is left out."""

    def answer(number: int, request: Any) -> Rows:
        if isinstance(request, ListWorkflows):
            yield from pages(number, request)
        elif request.workflow_id == "w1":
            yield number, ReplyKind.ERROR, ErrorReply(ErrorCode.NOT_FOUND, "no such workflow")
        else:
            yield number, ReplyKind.OK, HistoryPage((encode_records(HISTORY),), b"", request.run_id)

    async with client_of(answer) as (client, engine):
        found = [history async for history in client.list_workflows(limit=3).map_histories()]
    assert [(history.workflow_id, history.run_id, list(history.events)) for history in found] == [
        ("w0", "r", HISTORY),
        ("w2", "r", HISTORY),
    ]
    assert [request.run_id for request in engine.requests(GetHistory)] == ["r"] * 3


async def test_another_error_is_not_passed_over() -> None:
    def answer(number: int, request: Any) -> Rows:
        if isinstance(request, ListWorkflows):
            yield from pages(number, request)
        else:
            yield number, ReplyKind.ERROR, ErrorReply(ErrorCode.INVALID_ARGUMENT, "odd")

    async with client_of(answer) as (client, _):
        with pytest.raises(RPCError, match="odd"):
            _ = [history async for history in client.list_workflows().map_histories()]
