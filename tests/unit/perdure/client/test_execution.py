"""Rows, descriptions and lists, as users see them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from perdure.client import PendingActivityState, WorkflowExecutionStatus
from perdure.client.execution import description_of, execution_of, time_of, time_or_none
from perdure.protocol.codec import pack
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.frontend import ExecutionSummary
from perdure.protocol.replies import Description, PendingActivity, PendingWorkflowTask
from perdure_broker.port import WorkerInfo
from tests.unit.perdure.client.greeting import CONVERTER

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


async def test_a_description_shows_what_the_start_said_of_the_run() -> None:
    row = Description("default", "w", "r", "T", "q", 1, 1, 0, 4, 90, b"", b"")
    silent = description_of(row, (), CONVERTER)
    assert (await silent.static_summary(), await silent.static_details()) == (None, None)
    told = description_of(row._replace(summary="one line", static_details="more"), (), CONVERTER)
    assert (await told.static_summary(), await told.static_details()) == ("one line", "more")


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
