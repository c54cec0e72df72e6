"""What the calls of a client about activities without a workflow do (see `calls`)."""

from __future__ import annotations

from typing import Any

from perdure.client.connection import Connection, Refusal, nothing
from perdure.client.standalone_description import ActivityExecutionDescription, description_of
from perdure.client.standalone_handle import ActivityHandle, result_of
from perdure.client.standalone_inputs import (
    CancelActivityInput,
    DescribeActivityInput,
    StartActivityInput,
    TerminateActivityInput,
)
from perdure.client.standalone_start import start_request
from perdure.exceptions import ActivityAlreadyStartedError
from perdure.protocol.activity_executions import (
    DescribeActivity,
    RequestCancelActivity,
    TerminateActivity,
    decode_activity_description,
)
from perdure.protocol.replies import ErrorCode, decode_outcome, decode_started


class StandaloneActivityCalls:
    """A part of `ClientCalls`."""

    _connection: Connection

    async def start_activity(self, input: StartActivityInput) -> ActivityHandle[Any]:
        connection = self._connection
        request = start_request(connection, input, wait_result=False)
        await connection.register_types(request.search_attributes, input.rpc_timeout)
        try:
            started = await connection.ask(input.id, request, decode_started, input.rpc_timeout)
        except Refusal as refusal:
            raise _refused(refusal, input) from None
        handle: ActivityHandle[Any] = ActivityHandle(
            connection, input.id, run_id=started.run_id, result_type=input.result_type
        )
        handle.is_new = started.created
        return handle

    async def execute_activity(self, input: StartActivityInput) -> Any:
        """Start and result in one request; not for interceptors."""
        connection = self._connection
        request = start_request(connection, input, wait_result=True)
        if request.search_attributes:
            await connection.register_types(request.search_attributes, input.rpc_timeout)
        try:
            outcome = await connection.ask(input.id, request, decode_outcome, input.rpc_timeout)
        except Refusal as refusal:
            raise _refused(refusal, input) from None
        return result_of(outcome, connection.converter, input.result_type)

    async def cancel_activity(self, input: CancelActivityInput) -> None:
        connection = self._connection
        target = connection.namespace, input.activity_id, input.activity_run_id or ""
        request = RequestCancelActivity(*target, input.reason or "", *connection.author())
        await connection.ask(input.activity_id, request, nothing, input.rpc_timeout)

    async def terminate_activity(self, input: TerminateActivityInput) -> None:
        connection = self._connection
        target = connection.namespace, input.activity_id, input.activity_run_id or ""
        request = TerminateActivity(*target, input.reason or "", *connection.author())
        await connection.ask(input.activity_id, request, nothing, input.rpc_timeout)

    async def describe_activity(self, input: DescribeActivityInput) -> ActivityExecutionDescription:
        connection = self._connection
        request = DescribeActivity(connection.namespace, input.activity_id, input.activity_run_id or "")
        row = await connection.ask(input.activity_id, request, decode_activity_description, input.rpc_timeout)
        return description_of(row, input, connection.converter)


def _refused(refusal: Refusal, input: StartActivityInput) -> Exception:
    if refusal.reply.code == ErrorCode.ALREADY_STARTED:
        return ActivityAlreadyStartedError(input.id, input.activity_type, run_id=refusal.reply.run_id or None)
    return refusal
