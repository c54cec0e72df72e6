"""Batch operations on the command line."""

from __future__ import annotations

import pytest

from perdure.protocol.frontend import CountWorkflows, ExecutionCount
from perdure.protocol.operations import StartBatch, StopBatch
from perdure.protocol.replies import ReplyKind
from tests.unit.perdure.cli.terminal import Terminal
from tests.unit.perdure.client.greeting import Rows
from tests.unit.perdure.client.test_batches import QUERY, Engine


class Counting(Engine):
    def __call__(self, number: int, request: object) -> Rows:
        if isinstance(request, CountWorkflows):
            return [(number, ReplyKind.OK, ExecutionCount(2))]
        return super().__call__(number, request)


@pytest.fixture
def terminal(terminal: Terminal) -> Terminal:
    terminal.answer(Counting())
    return terminal


def test_an_operation_is_begun_after_a_question(terminal: Terminal) -> None:
    asked = terminal.run("batch", "start", "terminate", "--query", QUERY, "--reason", "why", "--wait", input="y\n")
    assert "terminate up to 2 workflows in default?" in asked.stderr
    assert "2 of 2" in asked.stdout
    [request] = terminal.requests(StartBatch)
    assert (request.operation, request.query, request.reason) == (1, QUERY, "why")
    refused = terminal.run("batch", "start", "terminate", "--query", QUERY, input="n\n")
    assert (refused.exit_code, "Nothing was done" in refused.stderr) == (1, True)
    assert not terminal.requests(StartBatch)


def test_yes_asks_nothing_and_a_signal_has_a_name_and_input(terminal: Terminal) -> None:
    terminal.run("batch", "start", "signal", "poke", "--query", QUERY, "--input", "5", "--yes", "--rate", "7")
    [request] = terminal.requests(StartBatch)
    assert (request.signal_name, b"5" in request.input, request.rate) == ("poke", True, 7)
    for arguments in (["signal"], ["cancel", "poke"]):
        wrong = terminal.run("batch", "start", *arguments, "--query", QUERY, "--yes")
        assert "name the signal" in wrong.stderr


def test_operations_are_listed_described_and_stopped(terminal: Terminal) -> None:
    assert "TERMINATE" in terminal.run("batch", "list").stdout
    assert terminal.json("batch", "list")[0]["state"] == "STOPPED"
    assert terminal.json("batch", "describe", "b")["operation"] == "TERMINATE"
    assert "STOPPED" in terminal.run("batch", "stop", "b", "--reason", "enough").stdout
    assert [request.reason for request in terminal.requests(StopBatch)] == ["enough"]
