"""`perdure workflow start`: its options for retries, schedules and signals; plain starts are in `test_workflow`."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.converter import DataConverter
from perdure.protocol.replies import ReplyKind, Started
from perdure.protocol.requests import IdConflictPolicy, StartWorkflow, StartWorkflowWith
from tests.unit.perdure.cli.terminal import Terminal
from tests.unit.perdure.client.greeting import Rows

CONVERTER = DataConverter.default
START = ("workflow", "start", "Greet", "--task-queue", "q")


@pytest.fixture
def terminal(terminal: Terminal) -> Terminal:
    def accept(number: int, request: Any) -> Rows:
        yield number, ReplyKind.OK, Started("run-1", True)

    terminal.answer(accept)
    return terminal


def test_a_retried_workflow_on_a_schedule(terminal: Terminal) -> None:
    retries = ("--retry-attempts", "3", "--retry-interval", "5s")
    notes = ("--summary", "greets", "--details", "everybody")
    assert terminal.run(*START, *retries, *notes, "--cron-schedule", "@every 1h").exit_code == 0
    (request,) = terminal.requests(StartWorkflow)
    assert (request.retry_policy.maximum_attempts, request.retry_policy.initial_interval_ms) == (3, 5_000)
    assert request.cron_schedule == "@every 1h"
    assert (request.summary, request.static_details) == ("greets", "everybody")
    assert request.id_conflict_policy == IdConflictPolicy.FAIL


def test_a_start_may_bring_a_signal(terminal: Terminal) -> None:
    assert terminal.run(*START, "--signal", "wave", "--signal-input", "3", "--retry-attempts", "0").exit_code == 0
    (request,) = terminal.requests(StartWorkflowWith)
    assert (request.signal.signal_name, CONVERTER.from_bytes(request.signal.input)) == ("wave", [3])
    assert request.start.id_conflict_policy == IdConflictPolicy.USE_EXISTING
    assert request.start.retry_policy.maximum_attempts == 0


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--signal-input", "3"), "name it with --signal NAME"),
        (("--signal", "wave", "--signal-input", "three"), "--signal-input is not JSON"),
        (("--retry-interval", "5s"), "add --retry-attempts N"),
        (("--retry-attempts", "-1"), "is not in the range x>=0"),
    ],
)
def test_options_that_make_no_sense(terminal: Terminal, options: tuple[str, ...], problem: str) -> None:
    result = terminal.run(*START, *options)
    assert result.exit_code == 2
    assert problem in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--cron-schedule", "daily"), "must have five fields"),
        (("--cron-schedule", "@daily", "--start-delay", "5s"), "leave start_delay out"),
        (("--signal", "wave", "--id-conflict-policy", "fail"), "leave FAIL out"),
    ],
)
def test_what_a_client_refuses_is_an_error_without_traceback(
    terminal: Terminal, options: tuple[str, ...], problem: str
) -> None:
    result = terminal.run(*START, *options)
    assert result.exit_code == 1
    assert problem in result.stderr
    assert "Traceback" not in result.stderr
