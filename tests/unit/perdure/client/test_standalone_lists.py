"""Activities without a workflow, listed and counted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perdure.client import ActivityExecutionStatus, RPCError
from perdure.protocol.activity_lists import (
    ActivityCount,
    ActivityPage,
    ActivitySummary,
    CountActivities,
    ListActivities,
)
from perdure.protocol.replies import ErrorCode, ErrorReply, ExecutionStatus, ReplyKind
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import Rows

ROWS = tuple(
    ActivitySummary("default", name, f"run {name}", "send", "mails", status, 2_000_000, close_us, '{"Amount:Int": 5}')
    for name, status, close_us in (("c", 1, 0), ("b", 2, 5_000_000), ("a", ExecutionStatus.TIMED_OUT, 3_000_000))
)


def answer(number: int, request: Any) -> Rows:
    if isinstance(request, CountActivities):
        yield number, ReplyKind.OK, ActivityCount(3)
    elif request.query == "wrong":
        yield number, ReplyKind.ERROR, ErrorReply(ErrorCode.INVALID_ARGUMENT, "no query")
    else:  # every other page is empty
        place = int(request.page_token or b"0")
        rows = ROWS[place // 2 : place // 2 + 1] if place % 2 else ()
        yield number, ReplyKind.OK, ActivityPage(rows, str(place + 1).encode() if place < 5 else b"")


async def test_all_pages_are_read() -> None:
    async with client_of(answer) as (client, engine):
        found = [row async for row in client.list_activities("TaskQueue = 'mails'", page_size=7)]
        assert [row.activity_id for row in found] == ["c", "b", "a"]
        assert [row.status for row in found] == [
            ActivityExecutionStatus.RUNNING,
            ActivityExecutionStatus.COMPLETED,
            ActivityExecutionStatus.TIMED_OUT,
        ]
        assert [row.execution_duration for row in found] == [None, timedelta(seconds=3), timedelta(seconds=1)]
        assert (found[0].activity_run_id, found[0].task_queue, found[0].close_time) == ("run c", "mails", None)
        assert [pair.value for pair in found[0].typed_search_attributes] == [5]
        asked = engine.requests(ListActivities)
        assert {request[:3] for request in asked} == {("default", "TaskQueue = 'mails'", 7)}


async def test_no_more_than_the_limit_are_read() -> None:
    async with client_of(answer) as (client, _):
        assert [row.activity_id async for row in client.list_activities(limit=2)] == ["c", "b"]
        assert [row async for row in client.list_activities(limit=0)] == []
        rest = client.list_activities(next_page_token=b"4")
        assert [row.activity_id async for row in rest] == ["a"]
        assert rest.next_page_token is None


async def test_they_are_counted() -> None:
    async with client_of(answer) as (client, _):
        assert (await client.count_activities()).count == 3


async def test_a_query_that_is_none_is_refused() -> None:
    async with client_of(answer) as (client, _):
        with pytest.raises(RPCError, match="no query"):
            await anext(client.list_activities("wrong"))
