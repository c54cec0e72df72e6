"""Mutable state: what it knows of its run."""

from __future__ import annotations

import pytest

from perdure.protocol.commands import CompleteWorkflowExecution
from perdure_engine.core.state import Bug
from tests.unit.perdure_engine.core.runs import RUN_ID, begun, break_down, running


def test_a_run_is_open_until_it_closes() -> None:
    assert begun().state.is_open
    assert not running(CompleteWorkflowExecution(b"")).state.is_open


def test_the_task_queue_is_that_of_the_start() -> None:
    assert begun(task_queue="orders").state.task_queue == "orders"


def test_a_workflow_task_has_an_id_before_it_has_an_event() -> None:
    run = begun()
    assert run.state.workflow_task_id() == 2
    break_down(run)
    assert run.state.workflow_task is not None
    assert run.state.workflow_task.scheduled_event_id == 0
    assert run.state.workflow_task_id() == run.state.next_event_id == 5


def test_no_workflow_task_has_no_id() -> None:
    with pytest.raises(Bug, match=f"run {RUN_ID} has no workflow task"):
        running().state.workflow_task_id()
