"""What the calls about activities that are completed from outside do: the end of the chain of interceptors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

from perdure.activity.information import ActivityCancellationDetails
from perdure.client.async_activity_inputs import (
    AsyncActivityIDReference,
    CompleteAsyncActivityInput,
    FailAsyncActivityInput,
    HeartbeatAsyncActivityInput,
    ReportCancellationAsyncActivityInput,
)
from perdure.client.connection import Connection, check_text, nothing
from perdure.client.failures import AsyncActivityCancelledError
from perdure.common import UNSET
from perdure.protocol.codec import DecodeError, unpack
from perdure.protocol.payload import NO_VALUES
from perdure.protocol.replies import ActivityDirective, decode_activity_directive
from perdure.protocol.requests import ActivityReport, ReportActivity
from perdure.service import RPCError, RPCStatusCode


class AsyncActivityTarget(NamedTuple):
    """The activity that is meant, as requests name it. `workflow_id` empty: it has no workflow."""

    namespace: str
    workflow_id: str
    run_id: str
    activity_id: str
    scheduled_event_id: int
    attempt: int


def target_of(namespace: str, id_or_token: AsyncActivityIDReference | bytes) -> AsyncActivityTarget:
    """The activity that ids or a task token name.

    Raises:
        ValueError: the task token or an id cannot be one.
    """
    if isinstance(id_or_token, bytes):
        of_token, workflow_id, run_id, event_id, attempt, activity_id = _fields(id_or_token)
        return AsyncActivityTarget(of_token, workflow_id, run_id, activity_id, event_id, attempt)
    workflow_id = id_or_token.workflow_id or ""
    if id_or_token.workflow_id is not None:
        check_text("workflow_id", workflow_id)
    check_text("activity_id", id_or_token.activity_id)
    return AsyncActivityTarget(namespace, workflow_id, id_or_token.run_id or "", id_or_token.activity_id, 0, 0)


class AsyncActivityCalls:
    """A part of `ClientCalls`."""

    _connection: Connection

    async def heartbeat_async_activity(self, input: HeartbeatAsyncActivityInput) -> None:
        target = target_of(self._connection.namespace, input.id_or_token)
        data = self._connection.converter.to_bytes(input.details) or NO_VALUES
        request = self._request(target, ActivityReport.HEARTBEAT, data=data, request_id="")
        directive: ActivityDirective = await self._connection.ask_of(
            target.namespace, _owner(target), request, decode_activity_directive, input.rpc_timeout
        )
        if not directive.current:
            raise RPCError("the activity waits for its next attempt, or is over", RPCStatusCode.NOT_FOUND)
        if directive.cancel_requested or directive.paused or directive.reset:
            raise AsyncActivityCancelledError(
                ActivityCancellationDetails(
                    cancel_requested=directive.cancel_requested, paused=directive.paused, reset=directive.reset
                )
            )

    async def complete_async_activity(self, input: CompleteAsyncActivityInput) -> None:
        data = self._connection.converter.value_to_bytes(None if input.result is UNSET else input.result)
        await self._report(input.id_or_token, ActivityReport.COMPLETED, input.rpc_timeout, data=data)

    async def fail_async_activity(self, input: FailAsyncActivityInput) -> None:
        converter, details = self._connection.converter, input.last_heartbeat_details
        await self._report(
            input.id_or_token,
            ActivityReport.FAILED,
            input.rpc_timeout,
            failure=converter.to_failure(input.error),
            heartbeat_details=converter.to_bytes(details) if details else b"",
        )

    async def report_cancellation_async_activity(self, input: ReportCancellationAsyncActivityInput) -> None:
        data = self._connection.converter.to_bytes(input.details) if input.details else b""
        await self._report(input.id_or_token, ActivityReport.CANCELED, input.rpc_timeout, data=data)

    async def _report(
        self,
        id_or_token: AsyncActivityIDReference | bytes,
        report: ActivityReport,
        rpc_timeout: timedelta | None,
        **what: Any,
    ) -> None:
        target = target_of(self._connection.namespace, id_or_token)
        request = self._request(target, report, request_id=self._connection.new_request_id(), **what)
        await self._connection.ask_of(target.namespace, _owner(target), request, nothing, rpc_timeout)

    def _request(
        self,
        target: AsyncActivityTarget,
        report: ActivityReport,
        *,
        data: bytes = b"",
        failure: Any = None,
        heartbeat_details: bytes = b"",
        request_id: str,
    ) -> ReportActivity:
        author = self._connection.transport.identity
        return ReportActivity(*target, report, data, failure, heartbeat_details, request_id, author)


def _owner(target: AsyncActivityTarget) -> str:
    """The id whose shard has the activity."""
    return target.workflow_id or target.activity_id


def _fields(token: bytes) -> tuple[str, str, str, int, int, str]:
    """Namespace, workflow id, run id, scheduled event id, attempt and, without a workflow, activity id of a task token.

    Raises:
        ValueError: it is none.
    """
    try:
        fields = unpack(token)
    except DecodeError:
        fields = None
    if type(fields) is tuple and [type(field) for field in (*fields, "")[:6]] == [str, str, str, int, int, str]:
        namespace, workflow_id, run_id, event_id, attempt, activity_id = (*fields, "")[:6]
        return namespace, workflow_id, run_id, event_id, attempt, activity_id
    raise ValueError("this is no task token; pass the bytes of activity.info().task_token as they are")
