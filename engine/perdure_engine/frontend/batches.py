"""Answers about batch operations: begun, looked at, stopped. `perdure_engine.system.batches` carries them out."""

from __future__ import annotations

from typing import Any

from perdure.protocol.codec import unpack
from perdure.protocol.ids import text_problem
from perdure.protocol.operations import (
    BATCH_RATE_MAX,
    BatchInfo,
    BatchList,
    BatchOperation,
    BatchState,
    DescribeBatch,
    ListBatches,
    StartBatch,
    StopBatch,
)
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind
from perdure.protocol.requests import ResetPoint
from perdure_engine.environment import Environment
from perdure_engine.listing.tokens import ListQueryError
from perdure_engine.system.batches import Plan, batch_query, plan_of
from perdure_store.catalog import BatchRow
from perdure_store.list_query import ListQuery
from perdure_store.port import Store

LISTED_MAX = 1_000
REASON_LENGTH_MAX = 1_000

Answer = tuple[ReplyKind, Any]


class BatchAnswers:
    def __init__(self, store: Store, environment: Environment) -> None:
        self._store = store
        self._environment = environment

    async def start(self, request: StartBatch) -> Answer:
        known = await self._store.batch(request.namespace, request.batch_id)
        if known is not None:  # a sender repeats itself
            return ReplyKind.OK, _info(known)
        problem = _problem(request)
        if problem is not None:
            return _refused(problem)
        now_us = self._environment.now_us()
        try:
            query = await self._query(request, now_us)
        except ListQueryError as error:
            return _refused(str(error))
        [counted] = await self._store.count_visibility(query)
        row = BatchRow(
            request.namespace,
            request.batch_id,
            1,
            int(BatchState.RUNNING),
            plan_of(request),
            request.query,
            request.reason,
            request.identity,
            request.rate,
            b"",
            counted.total,
            0,
            0,
            now_us,
            0,
        )
        if not await self._store.insert_batch(row):
            row = await self._store.batch(request.namespace, request.batch_id) or row
        return ReplyKind.OK, _info(row)

    async def _query(self, request: StartBatch, now_us: int) -> ListQuery:
        types = await self._store.search_attribute_types(request.namespace)
        return batch_query(request.operation, request.query, request.namespace, types, now_us)

    async def describe(self, request: DescribeBatch) -> Answer:
        row = await self._store.batch(request.namespace, request.batch_id)
        return (ReplyKind.OK, _info(row)) if row is not None else _unknown(request)

    async def list(self, request: ListBatches) -> Answer:
        rows = await self._store.batches(request.namespace, limit=LISTED_MAX)
        return ReplyKind.OK, BatchList(tuple(map(_info, rows)))

    async def stop(self, request: StopBatch) -> Answer:
        """Tried again while the engine that carries it out moves it on."""
        while (row := await self._store.batch(request.namespace, request.batch_id)) is not None:
            if row.state != BatchState.RUNNING:
                return ReplyKind.OK, _info(row)
            stopped = row._replace(
                revision=row.revision + 1,
                state=int(BatchState.STOPPED),
                closed_us=self._environment.now_us(),
                message=f"stopped by {request.identity}" + (f": {request.reason}" if request.reason else ""),
            )
            if await self._store.update_batch(stopped):
                return ReplyKind.OK, _info(stopped)
        return _unknown(request)


def _problem(request: StartBatch) -> str | None:
    for name, text in (("the namespace", request.namespace), ("the id of the batch operation", request.batch_id)):
        problem = text_problem(name, text)
        if problem is not None:
            return problem
    if request.operation not in set(BatchOperation):
        return f"there is no batch operation of number {request.operation}"
    if not request.query.strip():
        return "a batch operation needs a query that says which runs; WorkflowId IS NOT NULL means all of them"
    if len(request.reason) > REASON_LENGTH_MAX:
        return f"the reason is longer than {REASON_LENGTH_MAX:,} characters"
    if not 1 <= request.rate <= BATCH_RATE_MAX:
        return f"a rate of {request.rate} runs a second is not possible; it must be from 1 to {BATCH_RATE_MAX:,}"
    if request.operation == BatchOperation.SIGNAL:
        return text_problem("the signal name", request.signal_name)
    if request.operation == BatchOperation.RESET and request.reset_point not in (
        ResetPoint.FIRST_WORKFLOW_TASK,
        ResetPoint.LAST_WORKFLOW_TASK,
    ):
        return "a batch of resets goes back to the first or the last workflow task"
    return None


def _refused(message: str, code: ErrorCode = ErrorCode.INVALID_ARGUMENT) -> Answer:
    return ReplyKind.ERROR, ErrorReply(code, message)


def _unknown(request: DescribeBatch | StopBatch) -> Answer:
    message = f"there is no batch operation {request.batch_id!r} in the namespace {request.namespace!r} (any more)"
    return _refused(message, ErrorCode.NOT_FOUND)


def _info(row: BatchRow) -> BatchInfo:
    return BatchInfo(
        row.namespace,
        row.batch_id,
        Plan(*unpack(row.operation)).operation,
        row.state,
        row.query,
        row.reason,
        row.started_by,
        row.rate,
        row.total,
        row.done,
        row.failed,
        row.started_us,
        row.closed_us,
        row.message,
    )
