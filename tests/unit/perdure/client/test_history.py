"""Histories, read page by page."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.client import WorkflowHistory, WorkflowHistoryEventFilterType
from perdure.protocol.events import (
    ActivityAttemptStarted,
    EventType,
    HistoryEvent,
    WorkflowExecutionCompleted,
    WorkflowExecutionStarted,
    encode_records,
)
from perdure.protocol.replies import HistoryPage, ReplyKind
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import Rows

STARTED = HistoryEvent(
    1, 5, EventType.WORKFLOW_EXECUTION_STARTED, WorkflowExecutionStarted("T", "q", first_execution_run_id="r1")
)
NOTE = HistoryEvent(0, 6, EventType.ACTIVITY_ATTEMPT_STARTED, ActivityAttemptStarted(1, 1, "me", 6))
COMPLETED = HistoryEvent(2, 7, EventType.WORKFLOW_EXECUTION_COMPLETED, WorkflowExecutionCompleted(b"", 1))


def two_pages(number: int, request: Any) -> Rows:
    if request.page_token:
        yield number, ReplyKind.OK, HistoryPage((encode_records([COMPLETED]),), b"")
    else:
        yield number, ReplyKind.OK, HistoryPage((encode_records([STARTED]), encode_records([NOTE])), b"more")


async def test_the_whole_history_has_no_annotations_unless_asked_for() -> None:
    async with client_of(two_pages) as (client, _):
        handle = client.get_workflow_handle("w")
        history = await handle.fetch_history()
        assert (history.workflow_id, history.run_id, list(history.events)) == ("w", "r1", [STARTED, COMPLETED])
        events = handle.fetch_history_events(include_annotations=True)
        assert [event async for event in events] == [STARTED, NOTE, COMPLETED]


async def test_only_the_closing_event() -> None:
    async with client_of(two_pages) as (client, _):
        history = await client.get_workflow_handle("w").fetch_history(
            event_filter_type=WorkflowHistoryEventFilterType.CLOSE_EVENT
        )
        assert list(history.events) == [COMPLETED]


def test_json_and_back() -> None:
    history = WorkflowHistory("w", [STARTED, COMPLETED], "r1")
    again = WorkflowHistory.from_json("w", history.to_json())
    assert again.run_id == "r1"
    assert again.to_json_dict() == history.to_json_dict()


def test_a_history_without_its_start_has_no_run_id() -> None:
    with pytest.raises(RuntimeError, match="does not begin"):
        assert WorkflowHistory("w", [COMPLETED]).run_id


def test_json_that_is_nested_too_deeply() -> None:
    with pytest.raises(ValueError, match="nested as deeply"):
        WorkflowHistory.from_json("w", "[" * 100_000)
