"""Replaying recorded histories."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from perdure import workflow
from perdure.client import WorkflowHistory
from perdure.exceptions import WorkflowTaskError
from perdure.worker import Replayer
from tests.workflow_story import Story


@workflow.defn
class Order:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity("charge", start_to_close_timeout=timedelta(seconds=5))


@workflow.defn(name="Order")
class ChangedOrder:
    @workflow.run
    async def run(self) -> None:
        await workflow.sleep(1)


@pytest.fixture
def history() -> WorkflowHistory:
    story = Story(Order)
    story.task()
    story.complete_activity("1")
    story.task()
    return WorkflowHistory("wf", story.events)


async def test_the_same_code_passes(history: WorkflowHistory) -> None:
    result = await Replayer(workflows=[Order]).replay_workflow(history)
    assert result.replay_failure is None
    assert result.history is history


async def test_a_change_does_not(history: WorkflowHistory) -> None:
    replayer = Replayer(workflows=[ChangedOrder])
    with pytest.raises(workflow.NondeterminismError, match="event 5"):
        await replayer.replay_workflow(history)
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    assert isinstance(result.replay_failure, workflow.NondeterminismError)


async def test_many_histories(history: WorkflowHistory) -> None:
    async def stream() -> AsyncIterator[WorkflowHistory]:
        yield history

    replayer = Replayer(workflows=[ChangedOrder])
    results = await replayer.replay_workflows([history, history], raise_on_replay_failure=False)
    assert list(results.replay_failures) == [history.run_id]
    with pytest.raises(workflow.NondeterminismError):
        await replayer.replay_workflows(stream())
    assert not (await Replayer(workflows=[Order]).replay_workflows(stream())).replay_failures


async def test_what_cannot_be_replayed_is_named(history: WorkflowHistory) -> None:
    @workflow.defn
    async def other() -> None: ...

    with pytest.raises(WorkflowTaskError, match="'Order' is not registered"):
        await Replayer(workflows=[other]).replay_workflow(history)
    with pytest.raises(WorkflowTaskError, match="must begin with"):
        await Replayer(workflows=[Order]).replay_workflow(WorkflowHistory("wf", []))
    with pytest.raises(ValueError, match="needs workflows"):
        Replayer(workflows=[])
    with pytest.raises(TypeError, match="no workflow runner"):
        Replayer(workflows=[Order], workflow_runner="sandbox")  # type: ignore[arg-type]  # the mistake under test
