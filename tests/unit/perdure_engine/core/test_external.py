"""Signals to other workflows, and requests to cancel them: sent once, answered once."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.external_workflow import (
    RequestCancelExternalWorkflowExecution,
    SignalExternalWorkflowExecution,
)
from perdure.protocol.messages import CancelExternalWorkflow, Origin, RecordExternalAnswer, SignalExternalWorkflow
from perdure_engine.core.external import NOT_FOUND, cancel_problem, signal_problem
from perdure_engine.core.transition import Settle
from tests.audited_run import AuditedRun
from tests.unit.perdure_engine.core.runs import RUN_ID, go_on, names, running, signal
from tests.unit.perdure_engine.core.test_child import CHILD_RUN, closed, command, started

OTHER_RUN = "0b0c1a52-7c43-5d0f-9a35-3f0a3f6d1c11"


def poke(**changes: Any) -> SignalExternalWorkflowExecution:
    return SignalExternalWorkflowExecution("other", "", "poke", b"in", b"headers")._replace(**changes)


def stop(**changes: Any) -> RequestCancelExternalWorkflowExecution:
    return RequestCancelExternalWorkflowExecution("other", OTHER_RUN, "enough")._replace(**changes)


def answered(run: AuditedRun, event_id: int = 5, cause: str = "") -> list[str]:
    return names(run.decide(RecordExternalAnswer(RUN_ID, event_id, cause)))


def test_a_signal_is_sent_and_arrives() -> None:
    run = running(poke())
    origin = Origin(7, RUN_ID, 5)
    assert run.messages[5] == SignalExternalWorkflow(
        origin, "default", "other", "", "poke", b"in", "workflow order-7", b"headers", ""
    )
    assert answered(run) == ["EXTERNAL_WORKFLOW_EXECUTION_SIGNALED", "WORKFLOW_TASK_SCHEDULED"]
    assert not run.messages
    assert not run.state.external_signals
    assert answered(run) == []


def test_a_request_to_cancel_is_sent_and_arrives() -> None:
    run = running(stop())
    origin = Origin(7, RUN_ID, 5)
    assert run.messages[5] == CancelExternalWorkflow(
        origin, "default", "other", OTHER_RUN, "enough", "workflow order-7", ""
    )
    assert answered(run) == ["EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED", "WORKFLOW_TASK_SCHEDULED"]
    assert not run.state.external_cancels


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (poke(), "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED"),
        (stop(), "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED"),
    ],
)
def test_what_finds_nobody_fails(sent: Any, name: str) -> None:
    run = running(sent)
    assert answered(run, cause=NOT_FOUND) == [name, "WORKFLOW_TASK_SCHEDULED"]
    assert run.history[-2].attributes == (NOT_FOUND, "default", "other", sent.run_id, 5, 4)


@pytest.mark.parametrize("sent", [poke(run_id="latest"), stop(run_id="latest")])
def test_a_run_that_cannot_be_fails_at_once(sent: Any) -> None:
    run = running(sent)
    assert not run.messages
    assert names(run.started)[-1] == "WORKFLOW_TASK_SCHEDULED"
    assert run.history[-2].attributes.cause == NOT_FOUND


def test_answers_wait_while_a_task_is_out() -> None:
    run = running(poke(), stop())
    signal(run)
    assert answered(run, 5) == answered(run, 6, NOT_FOUND) == answered(run, 5) == []
    run.end_batch()
    assert names(go_on(run))[2:] == [
        "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED",
        "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED",
        "WORKFLOW_TASK_SCHEDULED",
    ]


def test_a_child_that_is_being_started_is_told_when_it_is() -> None:
    run = running(command())
    signal(run)
    go_on(run, stop(workflow_id="kid", run_id="", child_initiated_event_id=5))
    event_id = run.state.next_event_id - 1
    assert list(run.messages) == [5]
    run.end_batch()
    run.reload(from_snapshot=False)
    started(run)
    assert list(run.messages) == [event_id]
    assert run.messages[event_id].first_run_id == CHILD_RUN
    assert run.state.children[5].held_cancels == ()


def test_a_child_that_never_starts_cannot_be_told() -> None:
    run = running(command())
    signal(run)
    go_on(run, stop(workflow_id="kid", run_id="", child_initiated_event_id=5))
    assert started(run, "WORKFLOW_ALREADY_EXISTS") == [
        "START_CHILD_WORKFLOW_EXECUTION_FAILED",
        "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED",
        "WORKFLOW_TASK_SCHEDULED",
    ]


@pytest.mark.parametrize("waits", [False, True])
def test_what_the_run_before_a_reset_sent_may_be_answered_ahead_of_the_start(waits: bool) -> None:
    run = running(command())
    signal(run)
    go_on(run, stop(workflow_id="kid", run_id="", child_initiated_event_id=5))
    event_id = run.state.next_event_id - 1
    if waits:
        signal(run, "another")
    told = ["EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED", "WORKFLOW_TASK_SCHEDULED"]
    assert answered(run, event_id) == ([] if waits else told)
    assert run.state.children[5].held_cancels == ()
    started(run)
    assert not run.messages


def test_a_child_that_closed_first_cannot_be_told() -> None:
    run = running(command())
    signal(run)
    go_on(run, stop(workflow_id="kid", run_id="", child_initiated_event_id=5))
    assert closed(run) == [
        "CHILD_WORKFLOW_EXECUTION_STARTED",
        "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED",
        "CHILD_WORKFLOW_EXECUTION_COMPLETED",
        "WORKFLOW_TASK_SCHEDULED",
    ]
    assert not run.messages


def test_a_child_whose_outcome_waits_cannot_be_told() -> None:
    run = running(command())
    started(run)
    closed(run)
    transition = go_on(run, stop(workflow_id="kid", run_id="", child_initiated_event_id=5))
    assert names(transition)[2:] == [
        "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED",
        "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED",
        "CHILD_WORKFLOW_EXECUTION_COMPLETED",
        "WORKFLOW_TASK_SCHEDULED",
    ]


def test_the_answer_ends_the_message_even_if_nothing_is_pending() -> None:
    run = running()
    assert run.decide(RecordExternalAnswer(RUN_ID, 99)).effects == [Settle(99)]


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (signal_problem(poke(workflow_id="")), "the id of another workflow must not be empty"),
        (signal_problem(poke(signal_name="")), "the name of a signal to another workflow must not be empty"),
        (signal_problem(poke(input=b"x" * 3_000_000)), "the input of signal 'poke' came to 3000000 bytes"),
        (cancel_problem(stop(namespace="\0")), "the namespace of another workflow contains a NUL character"),
        (cancel_problem(stop(reason="\0")), "the reason of a cancellation contains a NUL character"),
    ],
)
def test_what_commands_must_say(problem: str | None, told: str) -> None:
    assert (problem or "").startswith(told)


def test_a_command_of_every_field_is_right() -> None:
    assert signal_problem(poke(namespace="other")) is None
    assert cancel_problem(stop(reason="")) is None
