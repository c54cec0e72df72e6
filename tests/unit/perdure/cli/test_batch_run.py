"""Doing something to many workflows: the question, the progress, the end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from perdure.cli import batch_run
from perdure.client import BatchOperationState
from perdure.protocol.frontend import CountWorkflows, ExecutionCount
from perdure.protocol.operations import BatchOperation, DescribeBatch, StartBatch
from perdure.protocol.replies import ReplyKind
from tests.unit.perdure.cli.terminal import Terminal
from tests.unit.perdure.client.greeting import Rows
from tests.unit.perdure.client.test_batches import QUERY, Engine, info

TERMINATE = ("workflow", "terminate", "--query", QUERY)


class Counting(Engine):
    """Three runs, of which two are open, whatever the query is."""

    def __init__(self, total: int = 3) -> None:
        super().__init__()
        self.total = total

    def __call__(self, number: int, request: Any) -> Rows:
        if isinstance(request, CountWorkflows):
            open_ones = min(self.total, 2)
            return [(number, ReplyKind.OK, ExecutionCount(open_ones if "Running" in request.query else self.total))]
        return super().__call__(number, request)


class Ending(Counting):
    """Its operation has ended like this when somebody looks."""

    def __init__(self, state: BatchOperationState, **more: Any) -> None:
        super().__init__()
        self.end = info("b", state, 1)._replace(**more)

    def __call__(self, number: int, request: Any) -> Rows:
        return (
            [(number, ReplyKind.OK, self.end)]
            if isinstance(request, DescribeBatch)
            else super().__call__(number, request)
        )


@pytest.fixture
def terminal(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal.answer(Counting())
    monkeypatch.setattr(batch_run, "POLL_S", 0.01)
    return terminal


@pytest.fixture
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_run, "has_terminal", lambda: True)


@pytest.mark.usefixtures("somebody")
def test_the_question_says_how_many(terminal: Terminal) -> None:
    asked = terminal.run(*TERMINATE, "--reason", "why", input="y\n")
    assert "Terminate 2 open workflows in default?" in asked.stderr
    assert (asked.exit_code, "2 of 2" in asked.stdout) == (0, True)
    [request] = terminal.requests(StartBatch)
    assert (request.operation, request.query, request.reason) == (BatchOperation.TERMINATE, QUERY, "why")
    refused = terminal.run("workflow", "delete", "--query", QUERY, input="n\n")
    assert "Delete 3 workflows in default?" in refused.stderr
    assert (refused.exit_code, "Nothing was done" in refused.stderr) == (1, True)
    assert not terminal.requests(StartBatch)


def test_without_a_terminal_nobody_can_agree(terminal: Terminal) -> None:
    refused = terminal.run(*TERMINATE)
    assert refused.exit_code == 1
    assert (
        "This would terminate 2 open workflows in default. Nobody is at a terminal to agree: say --yes."
        in refused.stderr
    )
    assert not terminal.requests(StartBatch)
    terminal.answer(Counting(total=0))
    assert terminal.run(*TERMINATE).exit_code == 0, "what finds nothing harms nobody"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("cancel", "--rate", "7", "--reason", "why"), {"operation": 2, "rate": 7, "reason": "why"}),
        (("signal", "poke", "--input", "5"), {"operation": 3, "signal_name": "poke"}),
        (("reset", "--to", "first"), {"operation": 4, "reset_point": 1}),
        (("delete",), {"operation": 5}),
    ],
)
def test_each_command_begins_its_operation(
    terminal: Terminal, command: tuple[str, ...], expected: dict[str, Any]
) -> None:
    told = terminal.run("workflow", *command, "--query", QUERY, "--yes", "--no-wait")
    assert (told.exit_code, "perdure batch describe" in told.stderr) == (0, True)
    [request] = terminal.requests(StartBatch)
    assert {name: getattr(request, name) for name in expected} == expected
    assert terminal.json("workflow", *command, "--query", QUERY, "--yes")["done"] == 2


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("cancel",), "name one workflow, or many by --query"),
        (("cancel", "--query", ""), "name one workflow, or many by --query"),
        (("terminate", "w", "--query", QUERY), "one of the two"),
        (("delete", "--query", QUERY, "--run-id", "r"), "with --query say RunId"),
        (("signal", "poke"), "name one workflow, or many by --query"),
        (("signal", "w", "poke", "5"), "too many words: 5"),
        (("reset", "--query", QUERY, "--to", "7"), "goes --to first or last"),
        (("reset", "--query", QUERY, "--exclude", "signal"), "applies everything again"),
    ],
)
def test_what_cannot_be_meant(terminal: Terminal, command: tuple[str, ...], message: str) -> None:
    refused = terminal.run("workflow", *command)
    assert (refused.exit_code, message in refused.stderr) == (2, True), refused.stderr


def test_a_terminal_is_shown_how_far_it_is(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = terminal.run(*TERMINATE, "--yes").stderr
    assert "terminate" in shown
    assert "2/2" in shown
    assert "2/2" not in terminal.run(*TERMINATE, "--yes", "--json").stderr


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (Ending(BatchOperationState.FAILED, message="broken"), "Batch b failed: broken"),
        (Ending(BatchOperationState.STOPPED), "Batch b was stopped: 1 of 2 are done"),
        (
            Ending(BatchOperationState.COMPLETED, failed=1, message="no"),
            "1 of 2 could not be done, the last one because: no",
        ),
    ],
)
def test_what_did_not_succeed_is_told_and_fails(terminal: Terminal, engine: Ending, message: str) -> None:
    terminal.answer(engine)
    told = terminal.run(*TERMINATE, "--yes")
    assert (told.exit_code, message in told.stderr) == (1, True)
    assert "1 of 2" in told.stdout


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Tests that run in the background of a shell are begun with interrupts ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_leaves_the_operation_alone_and_says_how_to_look(terminal: Terminal) -> None:
    class Interrupted(Counting):
        def __call__(self, number: int, request: Any) -> Rows:
            if isinstance(request, DescribeBatch):
                self.looks -= 1  # it is never over
                signal.raise_signal(signal.SIGINT)
            return super().__call__(number, request)

    terminal.answer(Interrupted())
    told = terminal.run(*TERMINATE, "--yes")
    [request] = terminal.requests(StartBatch)
    assert told.exit_code == 1
    assert f"perdure batch stop {request.batch_id}" in told.stderr
