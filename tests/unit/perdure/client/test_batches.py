"""Batch operations, as users begin and watch them."""

from __future__ import annotations

from typing import Any

from perdure.client import BatchOperationState, BatchOperationType, WorkflowResetPoint
from perdure.protocol.operations import BatchInfo, BatchList, DescribeBatch, ListBatches, StartBatch, StopBatch
from perdure.protocol.replies import ReplyKind
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import Rows

QUERY = "WorkflowType = 'T'"


def info(batch_id: str, state: int, done: int = 0) -> BatchInfo:
    return BatchInfo("default", batch_id, 1, state, QUERY, "why", "me", 50, 2, done, 0, 1_000_000, 0)


class Engine:
    """Each look finds an operation one run further."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self, number: int, request: Any) -> Rows:
        body: Any = info(getattr(request, "batch_id", ""), BatchOperationState.RUNNING)
        if isinstance(request, DescribeBatch):
            self.looks += 1
            body = info(request.batch_id, BatchOperationState.COMPLETED if self.looks >= 2 else 1, min(self.looks, 2))
        elif isinstance(request, ListBatches):
            body = BatchList((info("b", 3),))
        elif isinstance(request, StopBatch):
            body = info(request.batch_id, BatchOperationState.STOPPED)
        yield number, ReplyKind.OK, body


async def test_each_kind_says_what_it_is_to_do() -> None:
    async with client_of(Engine()) as (client, engine):
        batches = client.batches
        assert (await batches.terminate(QUERY, reason="why", id="b", rate=7)).id == "b"
        await batches.cancel(QUERY)
        await batches.signal(QUERY, "poke", 5)
        await batches.reset(QUERY, WorkflowResetPoint.FIRST_WORKFLOW_TASK)
        await batches.delete(QUERY)
        first, second, third, fourth, fifth = engine.requests(StartBatch)
        assert first == StartBatch("default", "b", 1, QUERY, "why", client.identity, 7)
        assert (second.operation, second.batch_id != first.batch_id) == (2, True)
        assert (third.operation, third.signal_name, b"5" in third.input) == (3, "poke", True)
        assert (fourth.operation, fourth.reset_point) == (4, 1)
        assert (fifth.operation, fifth.query) == (5, QUERY)


async def test_an_operation_is_watched_listed_and_stopped() -> None:
    async with client_of(Engine()) as (client, _):
        handle = client.batches.get_handle("b")
        found = await handle.result()
        assert (found.state, found.done, found.operation) == (
            BatchOperationState.COMPLETED,
            2,
            BatchOperationType.TERMINATE,
        )
        assert (await handle.stop(reason="enough")).state == BatchOperationState.STOPPED
        assert [(row.id, row.state) for row in await client.batches.list()] == [("b", BatchOperationState.STOPPED)]
