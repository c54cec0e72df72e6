"""Batch operations: something done to every run that a query finds, by one of the engines at a time.

Role: a row says how far an operation has come. The engine that rendezvous gives it to reads a page of runs, sends a
request for each, waits for the answers, and moves the row on; when it dies, another one goes on from the row.

Rules:
- Requests are named after the operation and the run: done twice, they take effect once.
- The row is moved on by its revision, so that of two engines one finds that it has been overtaken, and leaves. Whoever
  stops an operation does it in the same way.
- What the query finds is what there was when the operation began: runs that started later are left alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from perdure.protocol.codec import pack, unpack
from perdure.protocol.ids import shard_id_for
from perdure.protocol.operations import BatchOperation, BatchState, StartBatch
from perdure.protocol.replies import ErrorCode, ReplyKind, decode_error
from perdure.protocol.requests import (
    DeleteWorkflow,
    RequestCancelWorkflow,
    ResetPoint,
    ResetWorkflow,
    SignalWorkflow,
    TerminateWorkflow,
)
from perdure_broker.port import ClusterInfo
from perdure_engine.environment import Environment
from perdure_engine.history.ownership import preferred_node
from perdure_engine.listing.fields import Fields
from perdure_engine.listing.parser import parse_list
from perdure_engine.listing.tokens import ListQueryError
from perdure_engine.system.errands import Errands
from perdure_store.catalog import BatchRow
from perdure_store.list_query import All, Comparison, ListQuery, Operator, Place, column
from perdure_store.memory_lists import place_of
from perdure_store.port import Store, StoreError, VisibilityRow

logger = logging.getLogger("perdure.engine.batches")

LOOK_S = 2.0
"""Seconds between two looks for operations while there are none."""

PAGE = 100
"""Runs of one page: what is done again when an engine dies in the middle."""

KEPT_US = 7 * 24 * 3_600 * 1_000_000
"""Microseconds that an operation is remembered after its end."""

FORGET_EVERY_S = 3_600.0

RUNNING = 1
"""`ExecutionStatus` of what can be terminated, cancelled or sent a signal."""

OF_CLOSED_RUNS = (BatchOperation.RESET, BatchOperation.DELETE)
"""What is done to closed runs, too."""


class Plan(NamedTuple):
    """What is done to each run, as its row keeps it."""

    operation: int
    signal_name: str = ""
    input: bytes = b""
    headers: bytes = b""
    reset_point: int = int(ResetPoint.LAST_WORKFLOW_TASK)


def plan_of(request: StartBatch) -> bytes:
    """What the row of a new operation keeps of its request."""
    return pack(Plan(request.operation, request.signal_name, request.input, request.headers, request.reset_point))


def batch_query(operation: int, query: str, namespace: str, types: dict[str, int], started_us: int) -> ListQuery:
    """The runs that an operation is about.

    Raises:
        ListQueryError: the query cannot be understood.
    """
    wanted = parse_list(query, namespace, Fields(types), started_us)
    if wanted.order:
        raise ListQueryError("a batch operation has no order: leave ORDER BY away")
    parts = [wanted.where, Comparison(column("StartTime"), Operator.LESS_OR_EQUAL, (started_us,))]
    if operation not in OF_CLOSED_RUNS:
        parts.append(Comparison(column("ExecutionStatus"), Operator.IN, (RUNNING,)))
    return wanted._replace(where=All(tuple(parts)))


class Batches:
    """Args:
    live_nodes: the engines that are alive, this one included.
    """

    def __init__(
        self,
        store: Store,
        environment: Environment,
        cluster: ClusterInfo,
        errands: Errands,
        *,
        node: str,
        live_nodes: Callable[[], Sequence[str]],
    ) -> None:
        self._store = store
        self._environment = environment
        self._cluster = cluster
        self._errands = errands
        self._node = node
        self._live_nodes = live_nodes

    async def run(self) -> None:
        """Look for operations to carry on, for ever."""
        forgot_at = float("-inf")
        while True:
            goes_on = False
            try:
                for row in await self._store.running_batches():
                    if preferred_node(f"batch {row.namespace}\0{row.batch_id}", self._live_nodes()) == self._node:
                        goes_on |= await self._carry_on(row)
                if self._environment.monotonic() - forgot_at >= FORGET_EVERY_S:
                    forgot_at = self._environment.monotonic()
                    await self._store.delete_batches(self._environment.now_us() - KEPT_US)
            except StoreError as error:
                logger.warning("batch operations wait: %s", error)
            if not goes_on:
                await self._environment.sleep(LOOK_S)

    async def _carry_on(self, row: BatchRow) -> bool:
        """One page of an operation: the others have their turn after it. True if there is more to do."""
        try:
            plan = Plan(*unpack(row.operation))
            types = await self._store.search_attribute_types(row.namespace)
            query = batch_query(plan.operation, row.query, row.namespace, types, row.started_us)
        except (ListQueryError, TypeError, ValueError) as error:
            await self._end(row, BatchState.FAILED, str(error))
            return False
        after = Place(*unpack(row.cursor)) if row.cursor else None
        page = await self._store.list_visibility(query, limit=min(PAGE, row.rate), after=after)
        if page:
            pause = self._environment.sleep(len(page) / row.rate)
            answers, _ = await asyncio.gather(self._errands.run(self._requests(row, plan, page)), pause)
            problems = [problem for kind, body in answers if (problem := _problem(kind, body))]
            row = row._replace(
                revision=row.revision + 1,
                cursor=pack(tuple(place_of(page[-1], query))),
                done=row.done + len(page) - len(problems),
                failed=row.failed + len(problems),
                message=problems[-1] if problems else row.message,
            )
            if not await self._store.update_batch(row):
                return False  # stopped, or carried on by another engine
        if len(page) == min(PAGE, row.rate):
            return True
        await self._end(row, BatchState.COMPLETED, row.message)
        return False

    async def _end(self, row: BatchRow, state: BatchState, message: str) -> None:
        now_us = self._environment.now_us()
        await self._store.update_batch(
            row._replace(revision=row.revision + 1, state=int(state), closed_us=now_us, message=message)
        )

    def _requests(self, row: BatchRow, plan: Plan, page: Sequence[VisibilityRow]) -> list[tuple[int, Any]]:
        count = self._cluster.shard_count
        return [(shard_id_for(run.namespace, run.workflow_id, count), _request(row, plan, run)) for run in page]


def _request(row: BatchRow, plan: Plan, run: VisibilityRow) -> Any:
    target = (run.namespace, run.workflow_id, run.run_id)
    author = (f"batch {row.batch_id} {run.run_id}", row.started_by)
    if plan.operation == BatchOperation.TERMINATE:
        return TerminateWorkflow(*target, row.reason, b"", *author)
    if plan.operation == BatchOperation.CANCEL:
        return RequestCancelWorkflow(*target, row.reason, *author)
    if plan.operation == BatchOperation.SIGNAL:
        return SignalWorkflow(*target, plan.signal_name, plan.input, *author, plan.headers)
    if plan.operation == BatchOperation.DELETE:
        return DeleteWorkflow(*target, row.started_by)
    return ResetWorkflow(*target, row.reason, plan.reset_point, 0, (), *author)


def _problem(kind: int, body: Any) -> str:
    """Why a run could not be done; empty if it was, or is gone meanwhile."""
    if kind != ReplyKind.ERROR:
        return ""
    error = decode_error(body)
    return "" if error.code == ErrorCode.NOT_FOUND else str(error.message)
