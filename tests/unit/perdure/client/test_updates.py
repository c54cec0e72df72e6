"""Updates as a client sends them, and what it makes of the answers."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perdure.client import (
    RPCError,
    RPCTimeoutOrCancelledError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from perdure.client.connection import Connection
from perdure.client.updates import WorkflowUpdateHandle
from perdure.exceptions import ApplicationError
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.replies import ErrorCode, ReplyKind
from perdure.protocol.updates import AwaitUpdate, UpdateReply, UpdateStage
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import CONVERTER, Rows, refuse

DONE = UpdateReply("run-1", UpdateStage.COMPLETED, CONVERTER.value_to_bytes([1, 2]))
REJECTED = UpdateReply("run-1", UpdateStage.COMPLETED, b"", Failure.of("no", ApplicationInfo("Odd")))


def connection_of(client: Any) -> Connection:
    found: Connection = client._connection
    return found


def outcome(reply: UpdateReply) -> Any:
    def answer(number: int, request: Any) -> Rows:
        yield number, ReplyKind.OUTCOME, reply

    return answer


async def test_a_result_is_asked_for_once() -> None:
    async with client_of(outcome(DONE)) as (client, engine):
        handle = WorkflowUpdateHandle[Any](connection_of(client), "u1", "w", workflow_run_id="run-1")
        assert await handle.result() == [1, 2]
        assert await handle.result() == [1, 2]
        assert engine.requests(AwaitUpdate) == [AwaitUpdate("default", "w", "run-1", "u1", UpdateStage.COMPLETED)]
        assert (handle.id, handle.workflow_id, handle.workflow_run_id) == ("u1", "w", "run-1")


async def test_a_known_outcome_is_not_asked_for() -> None:
    async with client_of(outcome(DONE)) as (client, engine):
        handle = WorkflowUpdateHandle[Any](connection_of(client), "u1", "w", known_outcome=REJECTED)
        with pytest.raises(WorkflowUpdateFailedError, match="Workflow update failed: Odd: no") as caught:
            await handle.result()
        assert isinstance(caught.value.cause, ApplicationError)
        assert not engine.seen


async def test_a_wait_that_takes_too_long_is_given_up() -> None:
    async with client_of(lambda number, request: ()) as (client, _):
        handle = client.get_workflow_handle("w").get_update_handle("u1")
        with pytest.raises(WorkflowUpdateRPCTimeoutOrCancelledError):
            await handle.result(rpc_timeout=timedelta(milliseconds=20))


async def test_a_timeout_holds_although_the_engine_knows_of_the_wait() -> None:
    def answer(number: int, request: Any) -> Rows:
        yield number, ReplyKind.REGISTERED, UpdateReply("run-1", UpdateStage.ADMITTED)

    async with client_of(answer) as (client, _):
        with pytest.raises(RPCTimeoutOrCancelledError):
            await client.get_workflow_handle("w").execute_update("add", rpc_timeout=timedelta(milliseconds=50))


async def test_a_caller_that_is_cancelled_gets_the_same_error() -> None:
    async with client_of(lambda number, request: ()) as (client, _):
        waiting = asyncio.ensure_future(client.get_workflow_handle("w").execute_update("add"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(WorkflowUpdateRPCTimeoutOrCancelledError):
            await waiting


async def test_a_refusal_is_an_error() -> None:
    async with client_of(lambda number, request: refuse(number, ErrorCode.NOT_FOUND, "no such")) as (client, _):
        with pytest.raises(RPCError, match="no such"):
            await client.get_workflow_handle("w").execute_update("add")


async def test_what_is_no_update_is_refused_at_once() -> None:
    async with client_of(outcome(DONE)) as (client, _):
        handle = client.get_workflow_handle("w")
        with pytest.raises(ValueError, match="until it is ACCEPTED or COMPLETED; before that, nothing is stored"):
            await handle.start_update("add", wait_for_stage=WorkflowUpdateStage.ADMITTED)
        with pytest.raises(ValueError, match="the update id has 1001 characters"):
            await handle.execute_update("add", id="x" * 1001)
        with pytest.raises(TypeError, match=r"is not an update with a name: decorate it with @workflow\.update"):
            await handle.execute_update(print)
