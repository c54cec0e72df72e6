"""Updates, as a client sends them and waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Generic, cast
from uuid import uuid4

from perdure.client.connection import Connection, check_text
from perdure.client.failures import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from perdure.protocol.payload import pack_payload_map
from perdure.protocol.updates import AwaitUpdate, UpdateReply, UpdateStage, UpdateWorkflow, decode_update_reply
from perdure.service import RPCError, RPCStatusCode
from perdure.types import LocalReturnType

if TYPE_CHECKING:
    from perdure.client.inputs import StartWorkflowUpdateInput, UpdateWithStartUpdateWorkflowInput


class WorkflowUpdateStage(IntEnum):
    """How far an update has come (Temporal's names and numbers). ADMITTED cannot be waited for: nothing is stored of
    the update by then."""

    ADMITTED = 1
    ACCEPTED = 2
    COMPLETED = 3


class WorkflowUpdateHandle(Generic[LocalReturnType]):
    """One update of a workflow. Made by `WorkflowHandle.start_update` or `WorkflowHandle.get_update_handle`."""

    def __init__(
        self,
        connection: Connection,
        id: str,
        workflow_id: str,
        *,
        workflow_run_id: str | None = None,
        result_type: type | None = None,
        known_outcome: UpdateReply | None = None,
    ) -> None:
        check_text("the update id", id)
        self._connection = connection
        self._id = id
        self._workflow_id = workflow_id
        self._workflow_run_id = workflow_run_id
        self._result_type = result_type
        self._known_outcome = known_outcome

    @property
    def id(self) -> str:
        """The update id."""
        return self._id

    @property
    def workflow_id(self) -> str:
        """The workflow that it was sent to."""
        return self._workflow_id

    @property
    def workflow_run_id(self) -> str | None:
        """The run that took it in; None: the open one, or the latest."""
        return self._workflow_run_id

    async def result(
        self, *, rpc_metadata: Mapping[str, str | bytes] = {}, rpc_timeout: timedelta | None = None
    ) -> LocalReturnType:
        """Wait until the update is completed, and return its result. Asks nobody if that is known already.

        Args:
            rpc_timeout: How long to wait. None: for as long as it takes.

        Raises:
            WorkflowUpdateFailedError: it was rejected, or failed; `cause` says why.
            WorkflowUpdateRPCTimeoutOrCancelledError: this call was given up; the update goes on.
            RPCError: the workflow, or its run, knows of no such update.
        """
        outcome = self._known_outcome
        if outcome is None:
            namespace, run_id = self._connection.namespace, self._workflow_run_id or ""
            request = AwaitUpdate(namespace, self._workflow_id, run_id, self._id, UpdateStage.COMPLETED)
            outcome = self._known_outcome = await ask_update(self._connection, self._workflow_id, request, rpc_timeout)
        if outcome.failure is not None:
            raise WorkflowUpdateFailedError(self._connection.converter.from_failure(outcome.failure))
        result = self._connection.converter.value_from_bytes(outcome.result, self._result_type)
        return cast(LocalReturnType, result)


def update_request(
    connection: Connection,
    workflow_id: str,
    run_id: str | None,
    input: StartWorkflowUpdateInput | UpdateWithStartUpdateWorkflowInput,
) -> UpdateWorkflow:
    """The request that sends an update.

    Raises:
        ValueError: an id or the stage is not as it must be.
        PayloadSizeError, TypeError: the arguments are too large, or cannot be converted.
    """
    if input.wait_for_stage not in (WorkflowUpdateStage.ACCEPTED, WorkflowUpdateStage.COMPLETED):
        raise ValueError(
            "an update can be waited for until it is ACCEPTED or COMPLETED; before that, nothing is stored of it"
        )
    check_text("the update name", input.update)
    if input.update_id is not None:
        check_text("the update id", input.update_id)
    return UpdateWorkflow(
        connection.namespace,
        workflow_id,
        run_id or "",
        input.update_id or str(uuid4()),
        input.update,
        connection.converter.to_kept_bytes(input.args, "the arguments of update", input.update),
        connection.transport.identity,
        int(input.wait_for_stage),
        pack_payload_map(input.headers),
    )


async def start_update(connection: Connection, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:
    """Send an update, and wait for the stage that is asked for.

    Raises: as `update_request` and `ask_update`.
    """
    request = update_request(connection, input.id, input.run_id, input)
    reply = await ask_update(connection, input.id, request, input.rpc_timeout)
    return handle_of(connection, input.id, request.update_id, reply, input.ret_type)


def handle_of(
    connection: Connection, workflow_id: str, update_id: str, reply: UpdateReply, result_type: Any
) -> WorkflowUpdateHandle[Any]:
    """The handle of an update that has come as far as was waited for."""
    outcome = reply if reply.stage == UpdateStage.COMPLETED else None
    return WorkflowUpdateHandle(
        connection,
        update_id,
        workflow_id,
        workflow_run_id=reply.run_id,
        result_type=result_type,
        known_outcome=outcome,
    )


async def ask_update(
    connection: Connection, workflow_id: str, request: Any, rpc_timeout: timedelta | None
) -> UpdateReply:
    """Send what is answered by the stage of an update, and wait for that.

    Raises:
        WorkflowUpdateRPCTimeoutOrCancelledError: `rpc_timeout` passed, no engine answers, or the caller was cancelled.
        RPCError: refused.
    """
    try:
        async with asyncio.timeout(None if rpc_timeout is None else rpc_timeout.total_seconds()):
            answer: UpdateReply = await connection.ask(workflow_id, request, decode_update_reply, rpc_timeout)
    except (TimeoutError, asyncio.CancelledError) as error:
        raise WorkflowUpdateRPCTimeoutOrCancelledError() from error
    except RPCError as error:
        if error.status in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED):
            raise WorkflowUpdateRPCTimeoutOrCancelledError() from error
        raise
    return answer
