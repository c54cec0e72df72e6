"""Updates with a start as a client is asked for them: their types, and interceptors that refuse."""

from __future__ import annotations

import asyncio
from typing import Any, assert_type

import pytest

from perdure import workflow
from perdure.client import Client, Interceptor, OutboundInterceptor, WithStartWorkflowOperation, WorkflowHandle
from perdure.common import WorkflowIDConflictPolicy
from perdure.protocol.replies import ReplyKind
from perdure.protocol.updates import UpdateReply, UpdateStage
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import CONVERTER, Rows

USE_EXISTING = WorkflowIDConflictPolicy.USE_EXISTING


@workflow.defn
class Cart:
    @workflow.run
    async def run(self, customer: str) -> list[str]:
        return [customer]

    @workflow.update
    async def add(self, item: str) -> int:
        return len(item)


def answer(number: int, request: Any) -> Rows:
    yield number, ReplyKind.OUTCOME, UpdateReply("run-1", UpdateStage.COMPLETED, CONVERTER.value_to_bytes(5))


async def test_types_follow_from_the_definitions() -> None:
    async with client_of(answer) as (client, _):
        start = WithStartWorkflowOperation(Cart.run, "ada", id="w", task_queue="q", id_conflict_policy=USE_EXISTING)
        added = await client.execute_update_with_start_workflow(Cart.add, "tea", start_workflow_operation=start)
        assert_type(added, int)
        assert added == 5
        handle = await start.workflow_handle()
        assert_type(handle, WorkflowHandle[Cart, list[str]])
        assert handle.result_run_id == "run-1"


class Refusing(Interceptor, OutboundInterceptor):
    def __init__(self) -> None:
        pass

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return self

    async def start_update_with_start_workflow(self, input: Any) -> Any:
        raise PermissionError("not you")


async def test_whoever_waits_for_the_handle_hears_of_an_interceptor_that_refuses() -> None:
    async with client_of(answer) as (plain, engine):
        client = Client(plain.transport, interceptors=[Refusing()])
        start = WithStartWorkflowOperation(Cart.run, "ada", id="w", task_queue="q", id_conflict_policy=USE_EXISTING)
        waiting = asyncio.ensure_future(start.workflow_handle())
        with pytest.raises(PermissionError, match="not you"):
            await client.execute_update_with_start_workflow(Cart.add, "tea", start_workflow_operation=start)
        with pytest.raises(PermissionError, match="not you"):
            await waiting
        assert not engine.seen
