"""Starting an activity again that closed without completing: its input is kept for that."""

from __future__ import annotations

from datetime import timedelta

from perdure.client.connection import Connection, Refusal
from perdure.exceptions import ActivityAlreadyStartedError
from perdure.protocol.activity_executions import DescribeActivity, StartActivity, decode_activity_description
from perdure.protocol.replies import ErrorCode, ExecutionStatus, Started, decode_started
from perdure.protocol.start_requests import IdConflictPolicy, IdReusePolicy


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
