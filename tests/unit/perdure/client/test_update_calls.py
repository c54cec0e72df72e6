"""What a handle sends for an update, and the handle that it gives."""

from __future__ import annotations

from typing import Any

from perdure import workflow
from perdure.client import WorkflowUpdateStage
from perdure.protocol.replies import ReplyKind
from perdure.protocol.updates import UpdateReply, UpdateStage, UpdateWorkflow
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import CONVERTER, Rows


@workflow.defn
class Counter:
    @workflow.run
    async def run(self) -> None: ...

    @workflow.update(name="plus")
    def add(self, number: int, times: int = 1) -> tuple[int, int]:
        return number, times


def answer(number: int, request: Any) -> Rows:
    stage = UpdateStage(request.wait_stage)
    result = CONVERTER.value_to_bytes([1, 2]) if stage == UpdateStage.COMPLETED else b""
    yield number, ReplyKind.OUTCOME, UpdateReply("run-1", stage, result)


async def test_a_result_has_the_type_of_its_handler() -> None:
    async with client_of(answer) as (client, engine):
        handle = client.get_workflow_handle_for(Counter.run, "w", run_id="r")
        assert await handle.execute_update(Counter.add, args=[3, 4], id="u1") == (1, 2)
        assert await handle.execute_update("plus", 3) == [1, 2]
        assert await handle.execute_update("plus", 3, result_type=tuple) == (1, 2)
        [first, *_] = engine.requests(UpdateWorkflow)
        sent = CONVERTER.to_bytes([3, 4])
        assert first == UpdateWorkflow(
            "default", "w", "r", "u1", "plus", sent, client.identity, int(UpdateStage.COMPLETED)
        )


async def test_ids_are_new_unless_they_are_given() -> None:
    async with client_of(answer) as (client, engine):
        handle = client.get_workflow_handle("w")
        for _ in range(2):
            await handle.execute_update("plus", 1)
        ids = {request.update_id for request in engine.requests(UpdateWorkflow)}
        assert len(ids) == 2


async def test_an_accepted_update_gives_a_handle_to_its_run() -> None:
    async with client_of(answer) as (client, _):
        handle = client.get_workflow_handle("w")
        update = await handle.start_update(Counter.add, 3, wait_for_stage=WorkflowUpdateStage.ACCEPTED)
        assert update.workflow_run_id == "run-1"
        assert await update.result() == (1, 2)


async def test_handles_of_earlier_updates() -> None:
    async with client_of(answer) as (client, _):
        handle = client.get_workflow_handle("w", run_id="r")
        assert handle.get_update_handle("u1").workflow_run_id == "r"
        typed = handle.get_update_handle_for(Counter.add, "u1", workflow_run_id="r2")
        assert typed.workflow_run_id == "r2"
        assert await typed.result() == (1, 2)
