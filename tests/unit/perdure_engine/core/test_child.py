"""Child workflows, as their parent sees them."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.child_workflow import ParentLink, StartChildWorkflowExecution
from perdure.protocol.commands import CompleteWorkflowExecution
from perdure.protocol.failure import Failure
from perdure.protocol.ids import run_id_for_child
from perdure.protocol.messages import (
    CloseChildWorkflow,
    Origin,
    RecordChildClosed,
    RecordChildStarted,
    StartChildWorkflow,
)
from perdure.protocol.replies import ExecutionStatus
from perdure.protocol.requests import TerminateWorkflow
from perdure_engine.core.child import start_problem, start_request
from perdure_engine.core.state import ChildPhase
from perdure_engine.core.transition import Settle
from tests.audited_run import AuditedRun
from tests.unit.perdure_engine.core.runs import RUN_ID, go_on, names, running, signal

CHILD_RUN = run_id_for_child(RUN_ID, 5)
LINK = ParentLink("default", "order-7", RUN_ID, 5, "order-7", RUN_ID)


def command(workflow_id: str = "kid", **changes: Any) -> StartChildWorkflowExecution:
    return StartChildWorkflowExecution(workflow_id, "Child", "", b"input")._replace(**changes)


def started(run: AuditedRun, cause: str = "", event_id: int = 5) -> list[str]:
    return names(run.decide(RecordChildStarted(RUN_ID, event_id, CHILD_RUN, cause, "default", "kid", 1)))


def closed(run: AuditedRun, status: int = ExecutionStatus.COMPLETED, **changes: Any) -> list[str]:
    request = RecordChildClosed(
        Origin(3, CHILD_RUN, 9), LINK, "default", "kid", CHILD_RUN, "Child", CHILD_RUN, status, b"result"
    )
    return names(run.decide(request._replace(**changes)))


def test_a_child_is_asked_for_by_a_message() -> None:
    run = running(command())
    message = run.messages[5]
    assert isinstance(message, StartChildWorkflow)
    assert message.origin == Origin(7, RUN_ID, 5)
    assert message.parent == LINK
    start = start_request(message)
    assert (start.namespace, start.workflow_id, start.task_queue, start.input) == ("default", "kid", "q", b"input")
    assert run.state.children[5].phase == ChildPhase.INITIATED


def test_a_child_starts_and_completes() -> None:
    run = running(command())
    assert started(run) == ["CHILD_WORKFLOW_EXECUTION_STARTED", "WORKFLOW_TASK_SCHEDULED"]
    assert not run.messages
    go_on(run)
    assert closed(run) == ["CHILD_WORKFLOW_EXECUTION_COMPLETED", "WORKFLOW_TASK_SCHEDULED"]
    assert run.history[-2].attributes[1:] == ("default", "kid", CHILD_RUN, "Child", 5, 6)
    assert not run.state.children


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (ExecutionStatus.FAILED, "FAILED"),
        (ExecutionStatus.CANCELED, "CANCELED"),
        (ExecutionStatus.TIMED_OUT, "TIMED_OUT"),
        (ExecutionStatus.TERMINATED, "TERMINATED"),
    ],
)
def test_a_child_ends_in_other_ways(status: int, name: str) -> None:
    run = running(command())
    started(run)
    go_on(run)
    assert closed(run, status, failure=Failure("odd")) == [
        f"CHILD_WORKFLOW_EXECUTION_{name}",
        "WORKFLOW_TASK_SCHEDULED",
    ]


def test_an_outcome_that_comes_first_supplies_the_start() -> None:
    run = running(command())
    assert closed(run) == [
        "CHILD_WORKFLOW_EXECUTION_STARTED",
        "CHILD_WORKFLOW_EXECUTION_COMPLETED",
        "WORKFLOW_TASK_SCHEDULED",
    ]
    assert not run.messages
    assert run.history[-2].attributes.started_event_id == 6
    assert started(run) == closed(run) == []


def test_a_word_that_comes_twice_is_taken_once() -> None:
    run = running(command())
    started(run)
    assert started(run) == []
    go_on(run)
    closed(run)
    assert closed(run) == started(run) == []


def test_an_id_that_is_taken_is_an_event() -> None:
    run = running(command())
    assert started(run, "WORKFLOW_ALREADY_EXISTS") == [
        "START_CHILD_WORKFLOW_EXECUTION_FAILED",
        "WORKFLOW_TASK_SCHEDULED",
    ]
    assert run.history[-2].attributes == ("WORKFLOW_ALREADY_EXISTS", "default", "kid", "Child", 5, 4)
    assert not run.state.children


def test_what_happens_while_a_task_is_out_waits() -> None:
    run = running(command("kid"), command("taken"))
    signal(run)
    assert started(run) == closed(run) == started(run, "WORKFLOW_ALREADY_EXISTS", 6) == []
    run.end_batch()
    assert names(go_on(run))[2:] == [
        "CHILD_WORKFLOW_EXECUTION_STARTED",
        "START_CHILD_WORKFLOW_EXECUTION_FAILED",
        "CHILD_WORKFLOW_EXECUTION_COMPLETED",
        "WORKFLOW_TASK_SCHEDULED",
    ]


def test_the_answer_ends_the_message_even_if_nothing_is_pending() -> None:
    run = running(command())
    transition = run.decide(RecordChildStarted(RUN_ID, 99, CHILD_RUN, "", "default", "kid", 1))
    assert transition.effects == [Settle(99)]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"workflow_id": ""}, "its id must not be empty"),
        ({"workflow_type": ""}, "its type must not be empty"),
        ({"task_queue": "\0"}, "its task queue contains a NUL character"),
        ({"run_timeout_ms": -1}, "its run timeout is -1 ms"),
        ({"cron_schedule": "now and then"}, "now and then"),
        ({"summary": "x" * 401}, "its static summary has 401 characters; the limit is 400"),
        ({"static_details": "x" * 20_001}, "its static details has 20001 characters"),
        ({"priority": 6}, "its priority is 6; it must be from 1 to 5"),
        ({"parent_close_policy": 9}, "its parent close policy is 9; allowed are"),
        ({"input": b"x" * 3_000_000}, "its input came to 3000000 bytes"),
    ],
)
def test_what_a_command_must_say(changes: dict[str, Any], problem: str) -> None:
    told = start_problem(command(**changes)) or ""
    assert told.startswith("child workflow")
    assert problem in told
    assert start_problem(command()) is None


# When the parent closes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "is_told"), [(1, True), (2, False), (3, True)], ids=["terminate", "abandon", "request cancel"]
)
def test_a_child_is_treated_by_its_policy(policy: int, is_told: bool) -> None:
    run = running(command(parent_close_policy=policy))
    started(run)
    run.decide(TerminateWorkflow("default", "order-7", "", "enough", b"", "terminate-1", "client"))
    message = CloseChildWorkflow(Origin(7, RUN_ID, 5), "default", "kid", CHILD_RUN, policy)
    assert run.messages == ({5: message} if is_told else {})


def test_a_start_under_way_goes_on_when_the_parent_closes() -> None:
    """Its answer says what is to be done."""
    run = running(command())
    signal(run)
    go_on(run, CompleteWorkflowExecution(b""))
    assert isinstance(run.messages[5], StartChildWorkflow)


def test_a_child_that_the_last_task_asked_for_is_never_started() -> None:
    run = running(command("kid"), command("abandoned", parent_close_policy=2), CompleteWorkflowExecution(b""))
    assert list(run.messages) == [6]
