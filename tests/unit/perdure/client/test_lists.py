"""Lists and counts, as users read them."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.client import RPCError, WorkflowExecutionCountAggregationGroup
from perdure.client.execution import time_of
from perdure.client.lists import count_of
from perdure.protocol.events import encode_records
from perdure.protocol.frontend import ExecutionCount, ExecutionGroup, ExecutionPage, ExecutionSummary, ListWorkflows
from perdure.protocol.replies import ErrorCode, ErrorReply, HistoryPage, ReplyKind
from perdure.protocol.requests import GetHistory
from tests.fake_engine import client_of
from tests.unit.perdure.client.every_event import HISTORY
from tests.unit.perdure.client.greeting import Rows


def summary(number: int) -> ExecutionSummary:
    return ExecutionSummary("default", f"w{number}", f"r{number}", "T", "q", 1, 1_000_000, 0, 0, 0, 0)


def pages(number: int, request: Any) -> Rows:
    start = int(request.page_token or b"0")
    rows = tuple(summary(n) for n in range(start, min(start + request.page_size, 5)))
    yield number, ReplyKind.OK, ExecutionPage(rows, b"%d" % (start + len(rows)) if start + len(rows) < 5 else b"")


async def test_a_list_is_read_page_by_page() -> None:
    async with client_of(pages) as (client, engine):
        rows = client.list_workflows("ExecutionStatus = 'Running'", page_size=2)
        assert [row.id async for row in rows] == ["w0", "w1", "w2", "w3", "w4"]
        requests = engine.requests(ListWorkflows)
        assert [request.page_token for request in requests] == [b"", b"2", b"4"]
        assert {request.query for request in requests} == {"ExecutionStatus = 'Running'"}


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
        ("w0", "r0", HISTORY),
        ("w2", "r2", HISTORY),
    ]
    assert [request.run_id for request in engine.requests(GetHistory)] == ["r0", "r1", "r2"]


async def test_another_error_is_not_passed_over() -> None:
    def answer(number: int, request: Any) -> Rows:
        if isinstance(request, ListWorkflows):
            yield from pages(number, request)
        else:
            yield number, ReplyKind.ERROR, ErrorReply(ErrorCode.INVALID_ARGUMENT, "odd")

    async with client_of(answer) as (client, _):
        with pytest.raises(RPCError, match="odd"):
            _ = [history async for history in client.list_workflows().map_histories()]


def test_groups_have_values_of_their_types() -> None:
    groups = (ExecutionGroup(("Running", 1_000_000), 3), ExecutionGroup(("Failed", None), 2))
    counted = ExecutionCount(5, groups, (3, 6))
    found = count_of(counted)
    assert found.count == 5
    assert list(found.groups) == [
        WorkflowExecutionCountAggregationGroup(3, ["Running", time_of(1_000_000)]),
        WorkflowExecutionCountAggregationGroup(2, ["Failed", None]),
    ]
