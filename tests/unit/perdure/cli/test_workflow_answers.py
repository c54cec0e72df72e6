"""Commands that the workflow's code answers: queries, updates, stacks, metadata."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.converter import DataConverter
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.replies import ErrorCode, ErrorReply, QueryAnswer, ReplyKind
from perdure.protocol.requests import QueryWorkflow
from perdure.protocol.updates import UpdateReply, UpdateStage, UpdateWorkflow
from tests.unit.perdure.cli.terminal import Terminal
from tests.unit.perdure.client.greeting import Rows

CONVERTER = DataConverter.default
METADATA = {
    "definition": {
        "type": "Greet",
        "queryDefinitions": [{"name": "mood", "description": "how it feels"}],
        "signalDefinitions": [{"name": "", "description": ""}],
        "updateDefinitions": [],
    },
    "currentDetails": "nearly done",
}
ANSWERS: dict[str, Any] = {"__stack_trace": 'File "greet.py", line 7', "__workflow_metadata": METADATA}


def answer(number: int, request: Any) -> Rows:
    match request:
        case QueryWorkflow():
            value = ANSWERS.get(request.query_type, {"mood": "good"})
            yield number, ReplyKind.OK, QueryAnswer(CONVERTER.value_to_bytes(value))
        case UpdateWorkflow(wait_stage=UpdateStage.ACCEPTED):
            yield number, ReplyKind.OUTCOME, UpdateReply("run-1", UpdateStage.ACCEPTED)
        case UpdateWorkflow(update_name="refused"):
            failure = Failure.of("out of tea", ApplicationInfo("TeaError"))
            yield number, ReplyKind.OUTCOME, UpdateReply("run-1", UpdateStage.COMPLETED, b"", failure)
        case UpdateWorkflow():
            yield number, ReplyKind.OUTCOME, UpdateReply("run-1", UpdateStage.COMPLETED, CONVERTER.value_to_bytes([5]))


@pytest.fixture
def terminal(terminal: Terminal) -> Terminal:
    terminal.answer(answer)
    return terminal


def test_query(terminal: Terminal) -> None:
    assert terminal.json("workflow", "query", "w", "mood", "--input", "1")["result"] == {"mood": "good"}
    (request,) = terminal.requests()
    assert request.query_type == "mood"
    assert CONVERTER.from_bytes(request.args) == [1]


def test_update(terminal: Terminal) -> None:
    told = terminal.json("workflow", "update", "w", "add", "--input", "2", "--update-id", "u1", "--run-id", "r")
    assert told == {"workflow_id": "w", "update": "add", "update_id": "u1", "status": "COMPLETED", "result": [5]}
    (request,) = terminal.requests(UpdateWorkflow)
    assert (request.workflow_id, request.run_id, request.update_name, request.update_id) == ("w", "r", "add", "u1")
    assert CONVERTER.from_bytes(request.input) == [2]
    assert terminal.run("workflow", "update", "w", "add").stdout == "[\n  5\n]\n"


def test_an_update_that_is_only_sent(terminal: Terminal) -> None:
    options = ("--wait-for", "accepted", "--update-id", "u1")
    printed = terminal.run("workflow", "update", "w", "add", *options)
    assert printed.stdout == "w took in the update add: update id u1\n"
    assert terminal.json("workflow", "update", "w", "add", *options)["status"] == "ACCEPTED"


def test_an_update_that_fails(terminal: Terminal) -> None:
    result = terminal.run("workflow", "update", "w", "refused")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "The update refused was rejected, or failed: TeaError: out of tea" in result.stderr
    as_json = terminal.run("workflow", "update", "w", "refused", "--json")
    assert as_json.exit_code == 1
    assert '"error_type": "TeaError"' in as_json.stdout


def test_an_update_that_nobody_answers(terminal: Terminal) -> None:
    terminal.answer(lambda number, request: ())
    result = terminal.run("workflow", "update", "w", "add", "--timeout", "50ms")
    assert result.exit_code == 1
    assert "Timeout" in result.stderr


def test_stack(terminal: Terminal) -> None:
    assert terminal.run("workflow", "stack", "w").stdout == 'File "greet.py", line 7\n'
    assert terminal.json("workflow", "stack", "w")["stack"] == 'File "greet.py", line 7'


def test_metadata(terminal: Terminal) -> None:
    printed = terminal.run("workflow", "metadata", "w").stdout
    for text in ("Greet", "nearly done", "mood", "how it feels", "(any other)"):
        assert text in printed
    assert terminal.json("workflow", "metadata", "w")["definition"] == METADATA["definition"]


@pytest.mark.parametrize("command", [("update", "w", "add"), ("stack", "w"), ("metadata", "w"), ("query", "w", "mood")])
def test_a_workflow_that_does_not_exist(terminal: Terminal, command: tuple[str, ...]) -> None:
    unknown = ErrorReply(int(ErrorCode.NOT_FOUND), "there is no workflow 'w'")
    terminal.answer(lambda number, _: [(number, ReplyKind.ERROR, unknown)])
    result = terminal.run("workflow", *command)
    assert (result.exit_code, result.stderr) == (1, "Error: there is no workflow 'w'\n")
