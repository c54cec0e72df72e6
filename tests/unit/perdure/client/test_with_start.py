"""Updates with a start: one request, one operation, and a handle to whichever run got it."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.client import RPCError, WithStartWorkflowOperation, WorkflowUpdateStage
from perdure.common import WorkflowIDConflictPolicy
from perdure.exceptions import WorkflowAlreadyStartedError
from perdure.protocol.replies import ErrorCode, ReplyKind
from perdure.protocol.requests import IdConflictPolicy, StartWorkflowWith
from perdure.protocol.updates import UpdateReply, UpdateStage
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import CONVERTER, Greet, Rows, refuse

USE_EXISTING = WorkflowIDConflictPolicy.USE_EXISTING


def answer(number: int, request: Any) -> Rows:
    result = CONVERTER.value_to_bytes(5)
    yield number, ReplyKind.OUTCOME, UpdateReply("run-1", UpdateStage.COMPLETED, result)


def operation(**options: Any) -> WithStartWorkflowOperation[Any, Any]:
    options = {"id": "w", "task_queue": "q", "id_conflict_policy": USE_EXISTING, **options}
    return WithStartWorkflowOperation(Greet.run, "Ada", **options)


async def test_both_go_in_one_request() -> None:
    async with client_of(answer) as (client, engine):
        start = operation()
        result = await client.execute_update_with_start_workflow("add", 2, start_workflow_operation=start, id="u1")
        assert result == 5
        [request] = engine.requests(StartWorkflowWith)
        assert request.start.id_conflict_policy == IdConflictPolicy.USE_EXISTING
        assert (request.update.update_id, request.update.update_name, request.signal) == ("u1", "add", None)
        handle = await start.workflow_handle()
        assert (handle.id, handle.result_run_id, handle.first_execution_run_id) == ("w", "run-1", None)


async def test_an_operation_is_for_one_update() -> None:
    async with client_of(answer) as (client, _):
        start = operation()
        stage = WorkflowUpdateStage.ACCEPTED
        update = await client.start_update_with_start_workflow(
            "add", start_workflow_operation=start, wait_for_stage=stage
        )
        assert update.workflow_run_id == "run-1"
        with pytest.raises(RuntimeError, match="is for one update; make another one"):
            await client.execute_update_with_start_workflow("add", start_workflow_operation=start)


async def test_a_start_that_is_refused_says_so() -> None:
    def taken(number: int, request: Any) -> Rows:
        return refuse(number, ErrorCode.ALREADY_STARTED, "it runs", run_id="run-0")

    async with client_of(taken) as (client, _):
        start = operation(id_conflict_policy=WorkflowIDConflictPolicy.FAIL)
        with pytest.raises(WorkflowAlreadyStartedError) as caught:
            await client.execute_update_with_start_workflow("add", start_workflow_operation=start)
        assert caught.value.run_id == "run-0"
        with pytest.raises(WorkflowAlreadyStartedError):
            await start.workflow_handle()


async def test_a_conflict_policy_is_required() -> None:
    with pytest.raises(ValueError, match="give an id_conflict_policy"):
        operation(id_conflict_policy=WorkflowIDConflictPolicy.UNSPECIFIED)


async def test_a_start_may_bring_a_signal() -> None:
    def started(number: int, request: Any) -> Rows:
        yield number, ReplyKind.OK, ("run-1", True)

    async with client_of(started) as (client, engine):
        options: Any = {"id": "w", "task_queue": "q"}
        handle = await client.start_workflow(Greet.run, "Ada", start_signal="wave", start_signal_args=[3], **options)
        [request] = engine.requests(StartWorkflowWith)
        assert (request.signal.signal_name, request.signal.input) == ("wave", CONVERTER.to_bytes([3]))
        assert request.signal.request_id == request.start.request_id
        assert request.start.id_conflict_policy == IdConflictPolicy.USE_EXISTING
        assert handle.result_run_id == "run-1"
        with pytest.raises(ValueError, match="leave FAIL out"):
            await client.start_workflow(
                Greet.run, "Ada", start_signal="wave", id_conflict_policy=WorkflowIDConflictPolicy.FAIL, **options
            )


async def test_another_refusal_is_an_error() -> None:
    async with client_of(lambda number, request: refuse(number, ErrorCode.INVALID_ARGUMENT, "odd")) as (client, _):
        with pytest.raises(RPCError, match="odd"):
            await client.execute_update_with_start_workflow("add", start_workflow_operation=operation())
