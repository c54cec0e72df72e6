"""Commands are checked as a whole: what one of them does counts for those after it."""

from __future__ import annotations

import pytest

from perdure.protocol.child_workflow import StartChildWorkflowExecution
from perdure.protocol.commands import (
    CancelTimer,
    CancelWorkflowExecution,
    Command,
    CompleteWorkflowExecution,
    FailWorkflowExecution,
    RequestCancelActivityTask,
    StartTimer,
)
from perdure.protocol.events import EventType
from perdure.protocol.external_workflow import (
    RequestCancelExternalWorkflowExecution,
    SignalExternalWorkflowExecution,
)
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure_engine.core import command as module
from perdure_engine.core.command import BAD_COMMAND, UNHANDLED_COMMAND, command_problem
from perdure_engine.core.state import Bug
from tests.unit.perdure_engine.core.runs import activity_command, go_on, names, record_of, running, signal

TOO_LARGE = b"x" * (2 * 1024 * 1024 + 1)


@pytest.mark.parametrize(
    ("commands", "message"),
    [
        ([], None),
        ([CancelTimer("old"), StartTimer("old", 1)], None),
        ([StartTimer("new", 1), CancelTimer("new"), StartTimer("new", 1)], None),
        ([RequestCancelActivityTask(5)], None),
        ([RequestCancelActivityTask(5), RequestCancelActivityTask(5)], None),
        ([activity_command("b"), CompleteWorkflowExecution(b"")], None),
        ([StartTimer("old", 1)], "a timer with the id 'old' is pending already"),
        ([StartTimer("new", 1), StartTimer("new", 1)], "a timer with the id 'new' is pending already"),
        ([CancelTimer("old"), CancelTimer("old")], "there is no pending timer with the id 'old'"),
        ([CancelTimer("new")], "there is no pending timer with the id 'new'"),
        ([StartTimer("", 1)], "timer id must not be empty"),
        ([StartTimer("new", -1)], "the duration of timer 'new' is -1 ms; it must be at least 0"),
        ([RequestCancelActivityTask(99)], "there is no activity scheduled by event 99"),
        ([RequestCancelActivityTask(0)], "there is no activity scheduled by event 0"),
        ([activity_command("a")], "activity 'charge': an activity with the id 'a' is pending already"),
        ([activity_command("b"), activity_command("b")], "two activities of one task have the id 'b'"),
        ([CompleteWorkflowExecution(b""), StartTimer("new", 1)], "CompleteWorkflowExecution must be the last command"),
        ([CompleteWorkflowExecution(TOO_LARGE)], "the workflow's result came to 2097153 bytes; the limit is 2097152"),
        (
            [CancelWorkflowExecution(TOO_LARGE)],
            "the details of the workflow's cancellation came to 2097153 bytes; the limit is 2097152",
        ),
    ],
)
def test_what_is_wrong_with_commands(commands: list[Command], message: str | None) -> None:
    state = running(activity_command("a"), StartTimer("old", 60_000)).state
    problem = command_problem(state, commands)
    if message is None:
        assert problem is None
    else:
        assert problem is not None
        assert problem.cause == BAD_COMMAND
        assert problem.message.startswith(message)


def test_only_so_many_may_be_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PENDING_MAX", 2)
    state = running(activity_command("a"), StartTimer("old", 60_000)).state
    assert command_problem(state, [activity_command("b"), StartTimer("new", 1)]) is None
    assert command_problem(state, [StartTimer("x", 1), CancelTimer("old"), StartTimer("y", 1)]) is None
    activities = command_problem(state, [activity_command("b"), activity_command("c")])
    assert activities is not None
    assert activities.message.startswith("more than 2 activities would be pending, which is the limit of one run")
    timers = command_problem(state, [StartTimer("x", 1), StartTimer("y", 1)])
    assert timers is not None
    assert timers.message.startswith("more than 2 timers would be pending, which is the limit of one run")


CHILD = StartChildWorkflowExecution("kid", "Child", "", b"")
POKE = SignalExternalWorkflowExecution("other", "", "poke", b"")
STOP = RequestCancelExternalWorkflowExecution("other", "", "")


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (CHILD, "child workflows"),
        (POKE, "signals to other workflows"),
        (STOP, "requests to cancel other workflows"),
    ],
    ids=["children", "signals", "cancellations"],
)
def test_only_so_many_others_may_be_waited_for(monkeypatch: pytest.MonkeyPatch, command: Command, what: str) -> None:
    monkeypatch.setattr(module, "PENDING_MAX", 2)
    monkeypatch.setattr(module, "EXTERNAL_PENDING_MAX", 2)
    state = running(command).state
    assert command_problem(state, [command]) is None
    problem = command_problem(state, [command, command])
    assert problem is not None
    assert problem.cause == BAD_COMMAND
    assert problem.message.startswith(f"more than 2 {what} would be pending, which is the limit of one run")


def test_a_workflow_may_not_close_on_what_it_has_not_seen() -> None:
    run = running(StartTimer("old", 60_000))
    signal(run)
    signal(run, "signal-2")
    for command in (CompleteWorkflowExecution(b""), FailWorkflowExecution(Failure("x")), CancelWorkflowExecution()):
        problem = command_problem(run.state, [command])
        assert problem is not None
        assert problem.cause == UNHANDLED_COMMAND
    assert command_problem(run.state, [CancelTimer("old")]) is None


def test_nothing_of_a_refused_list_is_carried_out() -> None:
    run = running()
    signal(run)
    transition = go_on(run, StartTimer("new", 1), CancelTimer("other"))
    assert names(transition) == ["WORKFLOW_TASK_STARTED", "WORKFLOW_TASK_FAILED"]
    assert not run.state.timers


def test_a_huge_failure_of_a_workflow_is_cut() -> None:
    run = running()
    signal(run)
    failure = Failure.of("it broke", ApplicationInfo("Odd", details=TOO_LARGE))
    event = record_of(go_on(run, FailWorkflowExecution(failure)), EventType.WORKFLOW_EXECUTION_FAILED)
    assert event.attributes.failure.info == ApplicationInfo("Odd")


def test_a_command_of_another_kind_is_a_bug() -> None:
    commands: list[Command] = [Failure("no command")]  # type: ignore[list-item]
    with pytest.raises(Bug, match="unknown command Failure"):
        command_problem(running().state, commands)
