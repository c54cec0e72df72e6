"""Handles to other workflows."""

from __future__ import annotations

from typing import Any

import pytest

from perdure import workflow
from perdure.protocol.external_workflow import SignalExternalWorkflowExecution
from perdure.workflow.child_options import ChildWorkflowHandle
from tests.workflow_story import Story


@workflow.defn
class Other:
    @workflow.run
    async def run(self) -> None: ...

    @workflow.signal(name="prod")
    def poke(self, number: int) -> None: ...

    @workflow.signal(dynamic=True)
    def anything(self, name: str, *args: Any) -> None: ...


@workflow.defn
class Sender:
    @workflow.run
    async def run(self) -> list[Any]:
        handle = workflow.get_external_workflow_handle_for(Other.run, "other", run_id="r1")
        await handle.signal(Other.poke, 7)
        return [handle.id, handle.run_id, workflow.get_external_workflow_handle("other").run_id]


def test_a_handle_says_what_it_is_for() -> None:
    story = Story(Sender)
    [command] = story.task()
    assert isinstance(command, SignalExternalWorkflowExecution)
    assert command.signal_name == "prod"
    story.answer_external("other")
    story.task()
    assert story.result == ["other", "r1", None]


async def test_a_handle_of_a_child_comes_from_a_start() -> None:
    handle: ChildWorkflowHandle[Any, Any] = ChildWorkflowHandle()
    with pytest.raises(TypeError, match=r"comes from workflow.start_child_workflow"):
        await handle.signal("poke")
