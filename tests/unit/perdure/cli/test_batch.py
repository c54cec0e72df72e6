"""Batch operations on the command line."""

from __future__ import annotations

import pytest

from perdure.protocol.operations import StartBatch, StopBatch
from tests.unit.perdure.cli.terminal import Terminal
from tests.unit.perdure.cli.test_batch_run import Counting
from tests.unit.perdure.client.test_batches import QUERY


@pytest.fixture
def terminal(terminal: Terminal) -> Terminal:
    terminal.answer(Counting())
    return terminal


def test_an_operation_is_begun_and_watched(terminal: Terminal) -> None:
    told = terminal.run(
        "batch", "start", "terminate", "--query", QUERY, "--reason", "why", "--id", "b", "--wait", "--yes"
    )
    assert (told.exit_code, "2 of 2" in told.stdout) == (0, True)
    [request] = terminal.requests(StartBatch)
    assert (request.operation, request.query, request.reason, request.batch_id) == (1, QUERY, "why", "b")
    terminal.answer(Counting())
    assert "perdure batch stop" in terminal.run("batch", "start", "delete", "--query", QUERY, "--yes").stderr


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
