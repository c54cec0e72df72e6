"""Resetting a workflow: back to a workflow task of it, in a new run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import IntEnum

from perdure.client.connection import Connection
from perdure.protocol.replies import decode_description, decode_started
from perdure.protocol.requests import DescribeWorkflow, ResetPoint, ResetReapplyExclude, ResetWorkflow


class WorkflowResetPoint(IntEnum):
    """Where a reset goes back to: the first or the last workflow task that was completed."""

    FIRST_WORKFLOW_TASK = int(ResetPoint.FIRST_WORKFLOW_TASK)
    LAST_WORKFLOW_TASK = int(ResetPoint.LAST_WORKFLOW_TASK)


class ResetReapplyExcludeType(IntEnum):
    """What a reset does not apply again though it came after the point that it goes back to. An update that had been
    accepted is delivered to the new run as if it were new: it may be rejected there, and nobody waits for it."""

    SIGNAL = int(ResetReapplyExclude.SIGNAL)
    UPDATE = int(ResetReapplyExclude.UPDATE)


async def reset_workflow(
    connection: Connection,
    workflow_id: str,
    run_id: str | None,
    to: WorkflowResetPoint | int,
    reason: str,
    exclude: Sequence[ResetReapplyExcludeType],
    rpc_timeout: timedelta | None,
) -> str:
    """Reset the run, or the latest one if none is named; returns the id of the new run."""
    namespace = connection.namespace
    if not run_id:
        request = DescribeWorkflow(namespace, workflow_id, "")
        run_id = (await connection.ask(workflow_id, request, decode_description, rpc_timeout)).run_id
    is_point = isinstance(to, WorkflowResetPoint)
    reset = ResetWorkflow(
        namespace,
        workflow_id,
        run_id,
        reason,
        int(to) if is_point else int(ResetPoint.EVENT),
        0 if is_point else int(to),
        tuple(int(kind) for kind in exclude),
        *connection.author(),
    )
    new_run_id: str = (await connection.ask(workflow_id, reset, decode_started, rpc_timeout)).run_id
    return new_run_id
