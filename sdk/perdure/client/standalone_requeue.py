"""Starting an activity again that closed without completing: its input is kept for that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from perdure.client.connection import Connection, Refusal
from perdure.exceptions import ActivityAlreadyStartedError
from perdure.protocol.activity_executions import DescribeActivity, StartActivity, decode_activity_description
from perdure.protocol.replies import ErrorCode, ExecutionStatus, Started, decode_started
from perdure.protocol.start_requests import IdConflictPolicy, IdReusePolicy
from perdure.service import RPCError, RPCStatusCode

REQUEUED_AT_ONCE = 200
"""Requests that are on their way at once; failures may be many, and each is looked at first."""


class Closed(Protocol):
    """A row of a list."""

    @property
    def activity_id(self) -> str: ...
    @property
    def activity_run_id(self) -> str | None: ...


async def requeue_all(connection: Connection, rows: Sequence[Closed], rpc_timeout: timedelta | None) -> int:
    """Returns how many were started. One that cannot be any more is passed over: somebody else has seen to it.

    Raises:
        RPCError: no reply in time.
    """

    async def requeue(row: Closed) -> bool:
        try:
            await requeue_activity(connection, row.activity_id, row.activity_run_id or "", rpc_timeout)
        except ActivityAlreadyStartedError:
            return False
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:  # its retention is over
                return False
            raise
        return True

    return sum(await asyncio.gather(*map(requeue, rows)))


async def requeue_activity(connection: Connection, activity_id: str, run_id: str, rpc_timeout: timedelta | None) -> str:
    """Returns the run id of the new execution.

    Raises:
        ActivityAlreadyStartedError: it is open, or has completed.
        RPCError: no such activity, or no reply in time.
    """
    request = DescribeActivity(connection.namespace, activity_id, run_id)
    row = await connection.ask(activity_id, request, decode_activity_description, rpc_timeout)
    if row.status in (ExecutionStatus.RUNNING, ExecutionStatus.COMPLETED):
        raise ActivityAlreadyStartedError(activity_id, row.activity_type, run_id=row.run_id)
    options = row.options._replace(
        id_reuse_policy=int(IdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY), id_conflict_policy=int(IdConflictPolicy.FAIL)
    )
    again = StartActivity(
        row.namespace,
        activity_id,
        row.activity_type,
        row.task_queue,
        row.input,
        *connection.author(),
        options,
        summary=row.summary,
        search_attributes=row.search_attributes,
    )
    try:
        started: Started = await connection.ask(activity_id, again, decode_started, rpc_timeout)
    except Refusal as refusal:
        if refusal.reply.code == ErrorCode.ALREADY_STARTED:
            raise ActivityAlreadyStartedError(
                activity_id, row.activity_type, run_id=refusal.reply.run_id or None
            ) from None
        raise
    return started.run_id
