"""Lists and counts of activities without a workflow."""

from __future__ import annotations

from itertools import pairwise

import pytest

from perdure.protocol.activity_executions import ActivityOptions, StartActivity
from perdure.protocol.activity_lists import (
    ActivityPage,
    CountActivities,
    ListActivities,
    decode_activity_count,
    decode_activity_page,
)
from perdure.protocol.replies import ErrorCode, ExecutionStatus
from tests.engine_stage import QUEUE, Stage, pass_time
from tests.unit.perdure_engine.frontend.test_service import answer, refusal

OPTIONS = ActivityOptions(start_to_close_timeout_ms=60_000)


async def page(stage: Stage, query: str = "", **fields: object) -> ActivityPage:
    body = await answer(stage, ListActivities("default", query)._replace(**fields))  # type: ignore[arg-type]
    found: ActivityPage = decode_activity_page(body)
    return found


async def ids(stage: Stage, query: str = "") -> str:
    """Of all, page by page, in one word."""
    found, token = "", b""
    while True:
        part = await page(stage, query, page_size=2, page_token=token)
        found += "".join(row.activity_id for row in part.rows)
        token = part.next_page_token
        if not token:
            return found


async def some(stage: Stage) -> None:
    """a is done, b waits in its queue, c has a start delay, d a summary, e another type."""
    for name in "abcde":
        request = StartActivity("default", name, "act", QUEUE, b"in", f"start {name}", "client", OPTIONS)
        if name == "c":
            request = request._replace(start_delay_ms=3_600_000, task_queue="later")
        request = request._replace(summary="s" if name == "d" else "", activity_type="e" if name == "e" else "act")
        await stage.ask(request)
        if name == "a":
            entry, task = await stage.take_activity()
            await stage.finish_activity(entry, task)
        await pass_time(1)


async def test_open_and_closed_ones_are_listed_the_newest_first(stage: Stage) -> None:
    await some(stage)
    rows = (await page(stage)).rows
    assert [row.activity_id for row in rows] == list("edcba")
    assert [row.status for row in rows] == [ExecutionStatus.RUNNING] * 4 + [ExecutionStatus.COMPLETED]
    assert [row.activity_type for row in rows] == ["e", "act", "act", "act", "act"]
    assert all(later.scheduled_time_us > row.scheduled_time_us for later, row in pairwise(rows))
    assert rows[-1].close_time_us >= rows[-1].scheduled_time_us
    assert await ids(stage) == "edcba"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("ExecutionStatus = 'Running'", "edcb"),
        ("ExecutionStatus IN ('Completed', 'Failed')", "a"),
        ("ActivityType = 'e'", "e"),
        ("ActivityType = 'act' AND ExecutionStatus = 'Running'", "dcb"),
        ("TaskQueue = 'later'", "c"),
        ("TaskQueue IN ('later', 'nobody')", "c"),
        ("TaskQueue = 'nobody'", ""),
    ],
)
async def test_they_are_found_by_status_type_and_queue(stage: Stage, query: str, found: str) -> None:
    await some(stage)
    assert await ids(stage, query) == found


async def test_they_are_counted(stage: Stage) -> None:
    await some(stage)
    for query, total in (("", 5), ("ExecutionStatus = 'Running'", 4), ("TaskQueue = 'later'", 1)):
        assert decode_activity_count(await answer(stage, CountActivities("default", query))).total == total
    closed = CountActivities("default", "ActivityType = 'act' AND ExecutionStatus = 'Completed'")
    assert decode_activity_count(await answer(stage, closed)).total == 1
    refused = await refusal(stage, CountActivities("default", "ActivityType = 'act'"))
    assert "open activities cannot be counted by type" in refused.message


@pytest.mark.parametrize(
    "query",
    [
        "StartTime > '-1h'",
        "ActivityType != 'a'",
        "ActivityType = 'a' OR TaskQueue = 'b'",
        "ActivityType = 'a' AND ActivityType = 'b'",
        "ActivityType = 'a' ORDER BY TaskQueue",
    ],
)
async def test_what_else_is_asked_is_refused(stage: Stage, query: str) -> None:
    refused = await refusal(stage, ListActivities("default", query))
    assert refused.code == ErrorCode.INVALID_ARGUMENT
    assert "activities are found by ExecutionStatus, ActivityType and TaskQueue" in refused.message


async def test_a_token_of_another_list_is_refused(stage: Stage) -> None:
    assert "page token" in (await refusal(stage, ListActivities("default", page_token=b"\x01"))).message
