"""Lists and counts: tables for people, JSON for programs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from perdure.converter import DataConverter
from perdure.protocol.frontend import CountWorkflows, ExecutionCount, ExecutionPage, ExecutionSummary, ListWorkflows
from perdure.protocol.operations import ListSearchAttributes, SearchAttributeTypes
from perdure.protocol.payload import pack_payload_map
from perdure.protocol.replies import ErrorCode, ReplyKind
from tests.unit.perdure.cli.terminal import Terminal
from tests.unit.perdure.client.greeting import Rows, refuse

MEMO = pack_payload_map({"note": DataConverter.default.payload_converter.to_payload("n")})
NOON_US = 1_795_176_000_000_000
ROW = ExecutionSummary(
    "default", "w", "run-1", "Greet", "q", 2, NOON_US, 0, NOON_US + 90_000_000, 11, 900,
    MEMO, json.dumps({"Customer:Keyword": "ada", "Tags:KeywordList": ["new", "late"]}),
)  # fmt: skip


def look(number: int, request: Any) -> Rows:
    match request:
        case ListWorkflows():
            body: Any = ExecutionPage((ROW,))
        case CountWorkflows():
            body = ExecutionCount(7)
        case ListSearchAttributes():
            body = SearchAttributeTypes({"Customer": 2, "Tags": 7})
    yield number, ReplyKind.OK, body


@pytest.fixture
def terminal(terminal: Terminal) -> Terminal:
    terminal.answer(look)
    return terminal


def test_list(terminal: Terminal) -> None:
    result = terminal.run("workflow", "list", "--query", "WorkflowType = 'Greet'", "--limit", "5")
    heading, row = result.stdout.splitlines()
    assert heading.split()[:2] == ["Status", "Workflow"]
    assert row.split()[:4] == ["COMPLETED", "w", "Greet", "q"]
    assert "1 min 30 s" in row
    (request,) = terminal.requests()
    assert (request.query, request.page_size) == ("WorkflowType = 'Greet'", 5)
    assert terminal.json("workflow", "list")[0]["status"] == "COMPLETED"


def test_an_empty_list_says_so_beside_the_output(terminal: Terminal) -> None:
    terminal.answer(lambda number, _: [(number, ReplyKind.OK, ExecutionPage(()))])
    result = terminal.run("workflow", "list")
    assert (result.stdout, result.stderr) == ("", "No workflow matches.\n")
    assert terminal.json("workflow", "list") == []


def test_a_filter_that_cannot_be_understood(terminal: Terminal) -> None:
    terminal.answer(lambda number, _: refuse(number, ErrorCode.INVALID_ARGUMENT, "there is no field 'Colour'\n  ^"))
    result = terminal.run("workflow", "list", "--query", "Colour = 'red'")
    assert result.exit_code == 1
    assert "there is no field 'Colour'\n  ^" in result.stderr


def test_count(terminal: Terminal) -> None:
    assert terminal.run("workflow", "count").stdout == "7\n"
    assert terminal.json("workflow", "count") == {"count": 7}


def test_an_order_stands_behind_the_query(terminal: Terminal) -> None:
    terminal.run("workflow", "list", "--query", "TaskQueue = 'q'", "--order", "CloseTime DESC")
    assert terminal.requests()[0].query == "TaskQueue = 'q' ORDER BY CloseTime DESC"
    terminal.run("workflow", "list", "--order", "WorkflowId")
    assert terminal.requests()[0].query == "ORDER BY WorkflowId"


def test_columns_on_request(terminal: Terminal) -> None:
    shown = terminal.run(
        "workflow", "list", "--column", "customer", "--column", "Tags", "--column", "memo", "--column", "RunId"
    )
    heading, row = shown.stdout.splitlines()
    assert heading.split()[-4:] == ["Customer", "Tags", "Memo", "RunId"]
    assert row.split()[-4:] == ["ada", '["new","late"]', '{"note":"n"}', "run-1"]
    assert terminal.json("workflow", "list", "--column", "Memo")[0]["memo"] == {"note": "n"}
    unknown = terminal.run("workflow", "list", "--column", "Colour")
    assert unknown.exit_code == 1
    assert "There is no column 'Colour'. There are RunId, " in unknown.stderr
    assert "Customer, Tags." in unknown.stderr


class Pages:
    """1,200 runs."""

    def __call__(self, number: int, request: Any) -> Rows:
        begin = int(request.page_token or b"0")
        end = min(begin + request.page_size, 1_200)
        token = str(end).encode() if end < 1_200 else b""
        yield number, ReplyKind.OK, ExecutionPage((ROW,) * (end - begin), token)


def test_a_long_list_is_read_page_by_page(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    terminal.answer(Pages())
    shown = terminal.run("workflow", "list", "--all")
    assert len(shown.stdout.splitlines()) == 1_201
    assert len(terminal.requests()) == 2
    assert "There may be more" not in shown.stderr
    assert "There may be more than 20: --limit, or --all." in terminal.run("workflow", "list").stderr
    assert len(terminal.json("workflow", "list", "--all")) == 1_200


def test_groups_are_counted(terminal: Terminal) -> None:
    groups = ExecutionCount(3, ((("Running",), 2), ((None,), 1)), (2,))  # type: ignore[arg-type]  # as they are sent
    terminal.answer(lambda number, _: [(number, ReplyKind.OK, groups)])
    assert terminal.run("workflow", "count", "--query", "GROUP BY Step").stdout.split() == ["2", "Running", "1", "-"]
    assert terminal.json("workflow", "count")["groups"][0] == {"values": ["Running"], "count": 2}
