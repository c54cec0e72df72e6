"""Commands that look: tables for people, JSON for programs."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.converter import DataConverter
from perdure.protocol.child_workflow import ParentLink
from perdure.protocol.events import encode_records
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.frontend import CountWorkflows, ExecutionCount, ExecutionPage, ExecutionSummary, ListWorkflows
from perdure.protocol.replies import (
    Description,
    ErrorCode,
    ErrorReply,
    ExecutionStatus,
    HistoryPage,
    Outcome,
    PendingActivity,
    PendingChild,
    PendingWorkflowTask,
    ReplyKind,
)
from perdure.protocol.requests import AwaitResult, DescribeWorkflow, GetHistory
from tests.unit.perdure.cli.terminal import Terminal
from tests.unit.perdure.client.every_event import HISTORY
from tests.unit.perdure.client.greeting import Rows

CONVERTER = DataConverter.default
FAILURE = Failure.of("out of tea", ApplicationInfo("TeaError"))
NOON_US = 1_795_176_000_000_000
ROW = ExecutionSummary("default", "w", "run-1", "Greet", "q", 2, NOON_US, 0, NOON_US + 90_000_000, 11, 900)
DESCRIPTION = Description(
    "default",
    "w",
    "run-1",
    "Greet",
    "q",
    1,
    NOON_US,
    0,
    11,
    900,
    b"",
    b"",
    (PendingActivity("1", "brew", "SCHEDULED", 2, 0, NOON_US, 0, NOON_US, "", FAILURE),),
    PendingWorkflowTask(NOON_US, 3, FAILURE),
    ParentLink("default", "mother", "mother-run", 5, "grandmother", "grandmother-run"),
    (PendingChild("kid", "kid-run", "Kid", 7, 3), PendingChild("other", "", "Kid", 8, 1)),
    "greets Ada",
    "and nobody else",
)


def look(number: int, request: Any) -> Rows:
    body: Any = None
    match request:
        case ListWorkflows():
            body = ExecutionPage((ROW,))
        case CountWorkflows():
            body = ExecutionCount(7)
        case DescribeWorkflow():
            body = DESCRIPTION
        case GetHistory():
            body = HistoryPage((encode_records(HISTORY),), b"")
        case AwaitResult():
            result = CONVERTER.to_bytes(["done"])
            yield number, ReplyKind.OUTCOME, Outcome("run-1", int(ExecutionStatus.COMPLETED), result)
            return
    yield number, ReplyKind.OK, body


@pytest.fixture
def terminal(terminal: Terminal) -> Terminal:
    terminal.answer(look)
    return terminal


def test_describe_shows_what_is_pending_and_that_nobody_polls(terminal: Terminal) -> None:
    result = terminal.run("workflow", "describe", "w")
    assert "2 of any number" in result.stdout
    assert "TeaError: out of tea" in result.stdout
    assert "A workflow task is pending, attempt 3." in result.stdout
    assert "mother" in result.stdout
    assert "REQUEST_CANCEL" in result.stdout
    assert "BEING STARTED" in result.stdout
    assert "greets Ada" in result.stdout
    assert "No worker polls the task queue 'q'" in result.stderr
    data = terminal.json("workflow", "describe", "w")
    assert data["pollers"] == []
    assert (data["summary"], data["details"]) == ("greets Ada", "and nobody else")
    assert (data["parent_id"], data["root_id"]) == ("mother", "grandmother")
    assert [child["id"] for child in data["pending_children"]] == ["kid", "other"]
    assert data["pending_activities"][0]["last_failure"]["error_type"] == "TeaError"


def test_describe_says_when_a_history_is_long(terminal: Terminal) -> None:
    assert "continue as new" not in terminal.run("workflow", "describe", "w").stdout
    for changes in ({"history_length": 4_096}, {"history_size_bytes": 4 * 1024 * 1024}):
        long = DESCRIPTION._replace(**changes)
        terminal.answer(
            lambda number, request, long=long: (
                [(number, ReplyKind.OK, long)] if isinstance(request, DescribeWorkflow) else look(number, request)
            )
        )
        assert "long; continue as new when" in terminal.run("workflow", "describe", "w").stdout
        assert terminal.json("workflow", "describe", "w")["is_continue_as_new_suggested"] is True
    closed = DESCRIPTION._replace(history_length=5_000, close_time_us=NOON_US + 1, status=2)
    terminal.answer(
        lambda number, request: (
            [(number, ReplyKind.OK, closed)] if isinstance(request, DescribeWorkflow) else look(number, request)
        )
    )
    assert "continue as new" not in terminal.run("workflow", "describe", "w").stdout


def test_show(terminal: Terminal) -> None:
    result = terminal.run("workflow", "show", "w")
    assert len(result.stdout.splitlines()) == len(HISTORY) + 2
    assert "ActivityTaskScheduled" in result.stdout
    data = terminal.json("workflow", "show", "w")
    assert data["events"][0]["eventType"] == "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"


def test_result(terminal: Terminal) -> None:
    assert terminal.run("workflow", "result", "w").stdout == '"done"\n'
    assert terminal.json("workflow", "result", "w") == {"workflow_id": "w", "status": "COMPLETED", "result": "done"}


def test_the_result_of_a_failed_workflow(terminal: Terminal) -> None:
    failed = Outcome("run-1", int(ExecutionStatus.FAILED), failure=FAILURE)
    terminal.answer(lambda number, _: [(number, ReplyKind.OUTCOME, failed)])
    result = terminal.run("workflow", "result", "w")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "TeaError: out of tea" in result.stderr
    as_json = terminal.run("workflow", "result", "w", "--json")
    assert as_json.exit_code == 1
    assert '"error_type": "TeaError"' in as_json.stdout


@pytest.mark.parametrize("command", ["describe", "show", "result"])
def test_a_workflow_that_does_not_exist(terminal: Terminal, command: str) -> None:
    unknown = ErrorReply(int(ErrorCode.NOT_FOUND), "there is no workflow 'w'")
    terminal.answer(lambda number, _: [(number, ReplyKind.ERROR, unknown)])
    result = terminal.run("workflow", command, "w")
    assert (result.exit_code, result.stderr) == (1, "Error: there is no workflow 'w'\n")
