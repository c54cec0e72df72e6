"""Batch operations: terminating, cancelling, signalling, resetting or deleting every run that a query finds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

from perdure.client.connection import Connection
from perdure.client.execution import time_of, time_or_none
from perdure.client.reset import WorkflowResetPoint
from perdure.common import UNSET, positional_arguments
from perdure.protocol import operations

POLL_S = 0.5


class BatchOperationType(IntEnum):
    """What a batch operation does to each run."""

    TERMINATE = operations.BatchOperation.TERMINATE
    CANCEL = operations.BatchOperation.CANCEL
    SIGNAL = operations.BatchOperation.SIGNAL
    RESET = operations.BatchOperation.RESET
    DELETE = operations.BatchOperation.DELETE


class BatchOperationState(IntEnum):
    """Where a batch operation stands."""

    RUNNING = operations.BatchState.RUNNING
    COMPLETED = operations.BatchState.COMPLETED
    STOPPED = operations.BatchState.STOPPED
    FAILED = operations.BatchState.FAILED


@dataclass(frozen=True)
class BatchOperationDescription:
    """How far a batch operation has come.

    Attributes:
        total: Runs that the query found when it began.
        done: Runs that were done, or were gone meanwhile.
        failed: Runs that could not be done; `message` says why the last of them.
        rate: Runs a second, at the most.
    """

    id: str
    operation: BatchOperationType
    state: BatchOperationState
    query: str
    reason: str
    identity: str
    rate: int
    total: int
    done: int
    failed: int
    start_time: datetime
    close_time: datetime | None
    message: str


class BatchOperationHandle:
    """A batch operation. It goes on without the client."""

    def __init__(self, connection: Connection, batch_id: str) -> None:
        self._connection = connection
        self._id = batch_id

    @property
    def id(self) -> str:
        return self._id

    async def describe(self, *, rpc_timeout: timedelta | None = None) -> BatchOperationDescription:
        """How far it has come.

        Raises:
            RPCError: NOT_FOUND: there is none of this id (any more: it is remembered for a week).
        """
        request = operations.DescribeBatch(self._connection.namespace, self._id)
        return _description(await self._connection.ask_frontend(request, operations.decode_batch_info, rpc_timeout))

    async def result(self) -> BatchOperationDescription:
        """Wait until it is over, and say how it ended."""
        while True:
            found = await self.describe()
            if found.state != BatchOperationState.RUNNING:
                return found
            await asyncio.sleep(POLL_S)

    async def stop(self, *, reason: str = "", rpc_timeout: timedelta | None = None) -> BatchOperationDescription:
        """End it where it is; what it has done stays done."""
        transport = self._connection.transport
        request = operations.StopBatch(self._connection.namespace, self._id, reason, transport.identity)
        return _description(await self._connection.ask_frontend(request, operations.decode_batch_info, rpc_timeout))


class Batches:
    """Batch operations of the client's namespace. Engines carry them out; each is about the runs that its query (see
    `Client.list_workflows`) finds when it begins."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def terminate(self, query: str, *, reason: str = "", **options: Any) -> BatchOperationHandle:
        """Terminate every open run that `query` finds. Options as `start`."""
        return await self.start(BatchOperationType.TERMINATE, query, reason=reason, **options)

    async def cancel(self, query: str, *, reason: str = "", **options: Any) -> BatchOperationHandle:
        """Ask every open run that `query` finds to cancel. Options as `start`."""
        return await self.start(BatchOperationType.CANCEL, query, reason=reason, **options)

    async def signal(
        self, query: str, signal: str, arg: Any = UNSET, *, args: Sequence[Any] = (), **options: Any
    ) -> BatchOperationHandle:
        """Send a signal to every open run that `query` finds. Options as `start`."""
        arguments = positional_arguments(arg, (), args)
        return await self.start(BatchOperationType.SIGNAL, query, signal=signal, args=arguments, **options)

    async def reset(
        self,
        query: str,
        to: WorkflowResetPoint = WorkflowResetPoint.LAST_WORKFLOW_TASK,
        *,
        reason: str = "",
        **options: Any,
    ) -> BatchOperationHandle:
        """Reset every run that `query` finds, open or closed. Options as `start`."""
        return await self.start(BatchOperationType.RESET, query, reason=reason, reset_point=to, **options)

    async def delete(self, query: str, *, reason: str = "", **options: Any) -> BatchOperationHandle:
        """Delete every run that `query` finds, with its history; open ones are terminated first. Options as `start`."""
        return await self.start(BatchOperationType.DELETE, query, reason=reason, **options)

    async def start(
        self,
        operation: BatchOperationType,
        query: str,
        *,
        reason: str = "",
        id: str | None = None,
        rate: int = operations.BATCH_RATE_DEFAULT,
        signal: str = "",
        args: Sequence[Any] = (),
        reset_point: WorkflowResetPoint = WorkflowResetPoint.LAST_WORKFLOW_TASK,
        rpc_timeout: timedelta | None = None,
    ) -> BatchOperationHandle:
        """Begin a batch operation; it is durable when this returns.

        Args:
            operation: What to do to each run.
            query: Which runs; not empty.
            reason: Why; histories keep it.
            id: Names the operation; the same id again is the same operation. None: a new one.
            rate: Runs a second, from 1 to 1,000.
            signal: The signal, and `args` its arguments.
            reset_point: Where a reset goes back to.

        Raises:
            RPCError: INVALID_ARGUMENT: the query cannot be understood, or something is not possible.
        """
        connection = self._connection
        request_id, identity = connection.author()
        request = operations.StartBatch(
            connection.namespace,
            id or request_id,
            int(operation),
            query,
            reason,
            identity,
            rate,
            signal,
            connection.converter.to_bytes(args) if signal else b"",
            reset_point=int(reset_point),
        )
        if connection.coding is not None:
            request = await connection.coding.encode(request)
        started = await connection.ask_frontend(request, operations.decode_batch_info, rpc_timeout)
        return BatchOperationHandle(connection, started.batch_id)

    def get_handle(self, batch_id: str) -> BatchOperationHandle:
        """A handle to an operation that may exist."""
        return BatchOperationHandle(self._connection, batch_id)

    async def list(self, *, rpc_timeout: timedelta | None = None) -> list[BatchOperationDescription]:
        """Those that run, and those that ended within a week; newest first."""
        request = operations.ListBatches(self._connection.namespace)
        page = await self._connection.ask_frontend(request, operations.decode_batch_list, rpc_timeout)
        return [_description(row) for row in page.rows]


def _description(row: operations.BatchInfo) -> BatchOperationDescription:
    return BatchOperationDescription(
        row.batch_id,
        BatchOperationType(row.operation),
        BatchOperationState(row.state),
        row.query,
        row.reason,
        row.identity,
        row.rate,
        row.total,
        row.done,
        row.failed,
        time_of(row.started_us),
        time_or_none(row.closed_us),
        row.message,
    )
