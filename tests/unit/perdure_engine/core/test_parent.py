"""What a run owes its parent."""

from __future__ import annotations

import pytest

from perdure.protocol.child_workflow import ParentLink
from perdure.protocol.commands import CompleteWorkflowExecution
from perdure.protocol.messages import RecordChildClosed
from perdure.protocol.replies import ExecutionStatus
from perdure.protocol.requests import StartWorkflow
from perdure_engine.core.decide import decide_start
from perdure_engine.core.parent import report
from perdure_engine.core.state import Bug, MutableState
from perdure_engine.core.transition import Send, Transition
from perdure_engine.core.workflow_execution import close_by_command
from tests.unit.perdure_engine.core.runs import RUN_ID, START_US, start_request

LINK = ParentLink("default", "parent", "parent-run", 5, "root", "root-run")


def child(parent: ParentLink | None = LINK) -> MutableState:
    request: StartWorkflow = start_request()
    state, _ = decide_start(request, RUN_ID, 7, START_US, parent)
    assert state is not None
    return state


def test_a_child_that_closes_tells_its_parent() -> None:
    state, transition = child(), Transition()
    close_by_command(state, CompleteWorkflowExecution(b"result"), 4, START_US, transition)
    [send] = [effect for effect in transition.effects if isinstance(effect, Send)]
    message = send.message
    assert isinstance(message, RecordChildClosed)
    assert message.parent == LINK
    assert (message.status, message.result) == (ExecutionStatus.COMPLETED, b"result")
    assert message.origin == (7, RUN_ID, send.event_id) == (7, RUN_ID, state.next_event_id - 1)


def test_nobody_is_told_of_a_run_without_a_parent() -> None:
    state, transition = child(None), Transition()
    close_by_command(state, CompleteWorkflowExecution(b""), 4, START_US, transition)
    assert not [effect for effect in transition.effects if isinstance(effect, Send)]


def test_a_run_with_a_successor_leaves_the_telling_to_it() -> None:
    state, transition = child(), Transition()
    close_by_command(state, CompleteWorkflowExecution(b""), 4, START_US, transition)
    assert state.outcome is not None
    state.outcome = state.outcome._replace(next_run_id="next")
    again = Transition()
    report(state, 0, again)
    assert not again.effects


def test_an_open_run_has_nothing_to_tell() -> None:
    with pytest.raises(Bug, match="is open"):
        report(child(), 0, Transition())
