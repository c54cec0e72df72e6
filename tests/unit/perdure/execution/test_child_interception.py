"""Children and other workflows behind interceptors: what they see, and what they may change."""

from __future__ import annotations

from typing import Any

import pytest

from perdure import workflow
from perdure.common import Payload
from perdure.execution.surroundings import WorkerSettings
from perdure.protocol.child_workflow import StartChildWorkflowExecution
from perdure.protocol.external_workflow import SignalExternalWorkflowExecution
from perdure.protocol.payload import unpack_payload_map
from perdure.worker import (
    SignalChildWorkflowInput,
    SignalExternalWorkflowInput,
    StartChildWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowOutboundInterceptor,
)
from perdure.workflow import ChildWorkflowHandle
from tests.workflow_story import Story

USER = {"user": Payload({"encoding": b"json/plain"}, b'"ada"')}


class Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(Outbound(outbound))


class Outbound(WorkflowOutboundInterceptor):
    """Passes a header on, and changes names."""

    async def start_child_workflow(self, input: StartChildWorkflowInput) -> ChildWorkflowHandle[Any, Any]:
        input.headers = {**input.headers, **USER}
        input.id = input.id + "-seen"
        handle = await super().start_child_workflow(input)
        assert handle.first_execution_run_id == "child-run"
        return handle

    async def signal_child_workflow(self, input: SignalChildWorkflowInput) -> None:
        input.headers = {**input.headers, **USER}
        await super().signal_child_workflow(input)

    async def signal_external_workflow(self, input: SignalExternalWorkflowInput) -> None:
        assert input.namespace == "default"
        input.headers = {**input.headers, **USER}
        await super().signal_external_workflow(input)


@workflow.defn
class Parent:
    @workflow.run
    async def run(self, executes: bool) -> int:
        if executes:
            return int(await workflow.execute_child_workflow("Child", 1, id="kid"))
        handle = await workflow.start_child_workflow("Child", 1, id="kid")
        await handle.signal("poke", 2)
        await workflow.get_external_workflow_handle("other", run_id="r1").signal("prod", 3)
        return int(await handle)


@pytest.mark.parametrize("executes", [True, False])
def test_calls_pass_through_the_chain(executes: bool) -> None:
    story = Story(Parent, executes, settings=WorkerSettings("default", "queue", interceptors=(Inbound,)))
    [start] = story.task()
    assert isinstance(start, StartChildWorkflowExecution)
    assert start.workflow_id == "kid-seen"
    assert unpack_payload_map(start.headers) == USER
    story.start_child("kid-seen")
    commands = story.task()
    if not executes:
        [signal] = commands
        assert isinstance(signal, SignalExternalWorkflowExecution)
        assert (signal.signal_name, signal.child_initiated_event_id) == ("poke", 5)
        assert unpack_payload_map(signal.headers) == USER
        story.answer_external("kid-seen")
        [signal] = story.task()
        assert isinstance(signal, SignalExternalWorkflowExecution)
        assert (signal.workflow_id, signal.run_id, signal.signal_name) == ("other", "r1", "prod")
        story.answer_external("other")
        story.task()
    story.complete_child("kid-seen", 9)
    story.task()
    assert story.result == 9
    story.replay()
