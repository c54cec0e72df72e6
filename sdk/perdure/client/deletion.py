"""Deleting a workflow: a run with all that belongs to it."""

from __future__ import annotations

from datetime import timedelta

from perdure.client.connection import Connection, nothing
from perdure.protocol.replies import decode_description
from perdure.protocol.requests import DeleteWorkflow, DescribeWorkflow


async def delete_workflow(
    connection: Connection, workflow_id: str, run_id: str | None, rpc_timeout: timedelta | None
) -> None:
    """Delete the run, or the open or latest one if none is named."""
    namespace = connection.namespace
    if not run_id:
        request = DescribeWorkflow(namespace, workflow_id, "")
        run_id = (await connection.ask(workflow_id, request, decode_description, rpc_timeout)).run_id
    deletion = DeleteWorkflow(namespace, workflow_id, run_id, connection.transport.identity)
    await connection.ask(workflow_id, deletion, nothing, rpc_timeout)
