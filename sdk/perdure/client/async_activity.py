"""Activities that are completed from outside of their worker: the handle to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from perdure.activity.information import ActivityCancellationDetails
from perdure.client.connection import Connection, check_text, nothing
from perdure.client.failures import AsyncActivityCancelledError
from perdure.common import UNSET
from perdure.protocol.codec import DecodeError, unpack
from perdure.protocol.payload import NO_VALUES
from perdure.protocol.replies import ActivityDirective, decode_activity_directive
from perdure.protocol.requests import ActivityReport, ReportActivity
from perdure.service import RPCError, RPCStatusCode


@dataclass(frozen=True)
class AsyncActivityIDReference:
    """An activity by ids: of a workflow, or (`workflow_id` None) without one. Without a run id: of the open run, or the
    last execution."""

    workflow_id: str | None
    run_id: str | None
    activity_id: str


class AsyncActivityHandle:
    """An activity that is completed, or kept alive, by a client. Made by `Client.get_async_activity_handle`.

    Its activity usually left itself to be completed (`activity.raise_complete_async`), but need not have: the first
    outcome counts, whoever reports it.
    """

    def __init__(self, connection: Connection, id_or_token: AsyncActivityIDReference | bytes) -> None:
        """Raises:
        ValueError: the task token or an id cannot be one.
        """
        self._connection = connection
        if isinstance(id_or_token, bytes):
            fields = _fields(id_or_token)
            self._namespace, self._workflow_id, self._run_id, self._event_id, self._attempt, self._activity_id = fields
            return
        self._namespace = connection.namespace
        self._workflow_id = id_or_token.workflow_id or ""
        self._run_id = id_or_token.run_id or ""
        self._activity_id = id_or_token.activity_id
        self._event_id = self._attempt = 0
        if id_or_token.workflow_id is not None:
            check_text("workflow_id", self._workflow_id)
        check_text("activity_id", self._activity_id)

    async def heartbeat(
        self, *details: Any, rpc_metadata: Mapping[str, str | bytes] = {}, rpc_timeout: timedelta | None = None
    ) -> None:
        """Say that the activity is alive, and how far it is. Sent at once, every time.

        Raises:
            AsyncActivityCancelledError: it is to stop; say that it has by `report_cancellation`. Or it was paused or
                reset (`details` say so): end the attempt by `fail`, or let it go on.
            RPCError: the activity is not pending any more (NOT_FOUND), or no engine answered in time.
        """
        data = self._connection.converter.to_bytes(details) or NO_VALUES
        request = self._request(ActivityReport.HEARTBEAT, data=data, request_id="")
        directive: ActivityDirective = await self._connection.ask_of(
            self._namespace, self._workflow_id or self._activity_id, request, decode_activity_directive, rpc_timeout
        )
        if not directive.current:
            raise RPCError("the activity waits for its next attempt, or is over", RPCStatusCode.NOT_FOUND)
        if directive.cancel_requested or directive.paused or directive.reset:
            raise AsyncActivityCancelledError(
                ActivityCancellationDetails(
                    cancel_requested=directive.cancel_requested, paused=directive.paused, reset=directive.reset
                )
            )

    async def complete(
        self, result: Any = UNSET, *, rpc_metadata: Mapping[str, str | bytes] = {}, rpc_timeout: timedelta | None = None
    ) -> None:
        """Complete the activity with a result.

        Raises:
            PayloadSizeError: the result is too large.
            RPCError: the activity is not pending any more (NOT_FOUND), or no engine answered in time.
        """
        data = self._connection.converter.value_to_bytes(None if result is UNSET else result)
        await self._report(ActivityReport.COMPLETED, rpc_timeout, data=data)

    async def fail(
        self,
        error: Exception,
        *,
        last_heartbeat_details: Sequence[Any] = [],
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> None:
        """End the attempt by an error; its retry policy says whether there is another one.

        Raises:
            RPCError: the activity is not pending any more (NOT_FOUND), or no engine answered in time.
        """
        converter = self._connection.converter
        await self._report(
            ActivityReport.FAILED,
            rpc_timeout,
            failure=converter.to_failure(error),
            heartbeat_details=converter.to_bytes(last_heartbeat_details) if last_heartbeat_details else b"",
        )

    async def report_cancellation(
        self, *details: Any, rpc_metadata: Mapping[str, str | bytes] = {}, rpc_timeout: timedelta | None = None
    ) -> None:
        """Say that the activity, which was asked to stop, has stopped.

        Raises:
            RPCError: nobody asked it to stop (INVALID_ARGUMENT), it is not pending any more (NOT_FOUND), or no engine
                answered in time.
        """
        data = self._connection.converter.to_bytes(details) if details else b""
        await self._report(ActivityReport.CANCELED, rpc_timeout, data=data)

    async def _report(self, report: ActivityReport, rpc_timeout: timedelta | None, **what: Any) -> None:
        request = self._request(report, request_id=self._connection.new_request_id(), **what)
        await self._connection.ask_of(
            self._namespace, self._workflow_id or self._activity_id, request, nothing, rpc_timeout
        )

    def _request(
        self,
        report: ActivityReport,
        *,
        data: bytes = b"",
        failure: Any = None,
        heartbeat_details: bytes = b"",
        request_id: str,
    ) -> ReportActivity:
        return ReportActivity(
            self._namespace,
            self._workflow_id,
            self._run_id,
            self._activity_id,
            self._event_id,
            self._attempt,
            report,
            data,
            failure,
            heartbeat_details,
            request_id,
            self._connection.transport.identity,
        )


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


def reference_of(
    workflow_id: str | None, run_id: str | None, activity_id: str | None, task_token: bytes | None
) -> AsyncActivityIDReference | bytes:
    """What the arguments of `Client.get_async_activity_handle` name.

    Raises:
        ValueError: too many of them were given, or too few.
    """
    if task_token is not None:
        if (workflow_id, run_id, activity_id) != (None, None, None):
            raise ValueError("give either task_token=, or workflow_id=, run_id= and activity_id=")
        return task_token
    if activity_id is None:
        raise ValueError(
            "give task_token=, or activity_id= with the workflow_id= that called it, if one did (and run_id=, to mean "
            "one run)"
        )
    return AsyncActivityIDReference(workflow_id, run_id, activity_id)
