"""Commands that act: what they send, and what they print."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.converter import DataConverter
from perdure.protocol.replies import ErrorCode, ErrorReply, ExecutionStatus, Outcome, ReplyKind, Started
from perdure.protocol.requests import (
    AwaitResult,
    DeleteWorkflow,
    RequestCancelWorkflow,
    ResetReapplyExclude,
    ResetWorkflow,
    SignalWorkflow,
    StartWorkflow,
    TerminateWorkflow,
)
from tests.unit.perdure.cli.terminal import Terminal
from tests.unit.perdure.client.greeting import Rows

CONVERTER = DataConverter.default


def accept(number: int, request: Any) -> Rows:
    match request:
        case StartWorkflow() | ResetWorkflow():
            yield number, ReplyKind.OK, Started("run-1", True)
        case AwaitResult():
            result = CONVERTER.to_bytes([{"answer": 42}])
            yield number, ReplyKind.OUTCOME, Outcome("run-1", int(ExecutionStatus.COMPLETED), result)
        case _:
            yield number, ReplyKind.OK, None


@pytest.fixture
def terminal(terminal: Terminal) -> Terminal:
    terminal.answer(accept)
    return terminal


def test_start_sends_the_inputs_and_prints_the_ids(terminal: Terminal) -> None:
    inputs = ("--input", '"ada"', "--input", '{"n": 1}')
    result = terminal.run("workflow", "start", "Greet", "--task-queue", "q", "--id", "w", *inputs)
    assert result.exit_code == 0
    assert result.stdout == "Started Greet: workflow id w, run id run-1\n"
    assert "No worker polls the task queue 'q' yet" in result.stderr
    (request,) = terminal.requests()
    assert (request.workflow_type, request.workflow_id, request.task_queue) == ("Greet", "w", "q")
    assert CONVERTER.from_bytes(request.input) == ["ada", {"n": 1}]


def test_start_with_every_option_as_json(terminal: Terminal) -> None:
    options = ("--run-timeout", "1h30m", "--start-delay", "250ms", "--memo", "who='\"ada\"'".replace("'", ""))
    policies = ("--id-reuse-policy", "reject-duplicate", "--id-conflict-policy", "use-existing")
    printed = terminal.json("workflow", "start", "--type", "Greet", "--task-queue", "q", *options, *policies)
    (request,) = terminal.requests()
    assert printed["run_id"] == "run-1"
    assert printed["workflow_id"] == request.workflow_id
    assert request.workflow_id.startswith("Greet-")
    assert (request.run_timeout_ms, request.start_delay_ms) == (5_400_000, 250)
    assert (request.id_reuse_policy, request.id_conflict_policy) == (3, 2)


def test_start_and_wait_prints_the_result(terminal: Terminal) -> None:
    result = terminal.run("workflow", "start", "Greet", "--task-queue", "q", "--wait")
    assert result.exit_code == 0
    assert '"answer": 42' in result.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--task-queue", "q"), "name the workflow type once"),
        (("Greet", "--type", "Greet", "--task-queue", "q"), "name the workflow type once"),
        (("Greet",), "Missing option '--task-queue'"),
        (("Greet", "--task-queue", "q", "--input", "ada"), "--input is not JSON"),
        (("Greet", "--task-queue", "q", "--run-timeout", "soon"), "is no duration"),
    ],
)
def test_a_command_line_that_makes_no_sense(terminal: Terminal, arguments: tuple[str, ...], problem: str) -> None:
    result = terminal.run("workflow", "start", *arguments)
    assert result.exit_code == 2
    assert problem in result.stderr


def test_what_cannot_be_sent_is_an_error_without_traceback(terminal: Terminal) -> None:
    result = terminal.run("workflow", "start", "Greet", "--task-queue", "q", "--id", "x" * 1001)
    assert result.exit_code == 1
    assert "the limit is 1000" in result.stderr
    huge = terminal.run(
        "workflow", "start", "Greet", "--task-queue", "q", "--input", "@-", input=f'"{"x" * 17_000_000}"'
    )
    assert huge.exit_code == 1
    assert "the limit is 16,777,216" in huge.stderr


def test_an_id_that_is_taken(terminal: Terminal) -> None:
    taken = ErrorReply(int(ErrorCode.ALREADY_STARTED), "taken", "run-0")
    terminal.answer(lambda number, _: [(number, ReplyKind.ERROR, taken)])
    result = terminal.run("workflow", "start", "Greet", "--task-queue", "q", "--id", "w")
    assert result.exit_code == 1
    assert "already started" in result.stderr


def test_signal(terminal: Terminal) -> None:
    assert terminal.run("workflow", "signal", "w", "wave", "--input", "3").exit_code == 0
    (request,) = terminal.requests(SignalWorkflow)
    assert (request.workflow_id, request.signal_name) == ("w", "wave")
    assert CONVERTER.from_bytes(request.input) == [3]


def test_cancel_and_terminate(terminal: Terminal) -> None:
    assert terminal.json("workflow", "cancel", "w", "--reason", "late") == {"workflow_id": "w", "reason": "late"}
    assert terminal.requests(RequestCancelWorkflow)[0].reason == "late"
    result = terminal.run("workflow", "terminate", "w", "--run-id", "r", "--reason", "late")
    assert result.stdout == "Terminated w\n"
    assert terminal.requests(TerminateWorkflow)[0].run_id == "r"


def test_reset(terminal: Terminal) -> None:
    told = terminal.json(
        "workflow", "reset", "w", "--run-id", "r", "--to", "7", "--exclude", "signal", "--reason", "bug"
    )
    assert told == {"workflow_id": "w", "run_id": "run-1", "reason": "bug"}
    [request] = terminal.requests(ResetWorkflow)
    assert (request.run_id, request.event_id, request.exclude) == ("r", 7, (ResetReapplyExclude.SIGNAL,))
    result = terminal.run("workflow", "reset", "w", "--run-id", "r", "--to", "first")
    assert result.stdout == "Reset w: run id run-1\n"


def test_a_reset_to_nowhere(terminal: Terminal) -> None:
    for nowhere in ("yesterday", "0", "-1"):
        result = terminal.run("workflow", "reset", "w", "--to", nowhere)
        assert result.exit_code == 2
        assert "is neither first nor last nor the number of an event" in result.stderr


def test_delete(terminal: Terminal) -> None:
    assert terminal.run("workflow", "delete", "w", "--run-id", "r").stdout == "Deleted w\n"
    assert terminal.requests(DeleteWorkflow)[0].run_id == "r"
