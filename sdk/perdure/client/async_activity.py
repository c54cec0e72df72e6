"""Activities that are completed from outside of their worker: the handle to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from perdure.client.async_activity_calls import target_of
from perdure.client.async_activity_inputs import (
    AsyncActivityIDReference as AsyncActivityIDReference,
    CompleteAsyncActivityInput,
    FailAsyncActivityInput,
    HeartbeatAsyncActivityInput,
    ReportCancellationAsyncActivityInput,
)
from perdure.client.connection import Connection
from perdure.common import UNSET


class AsyncActivityHandle:
    """An activity that is completed, or kept alive, by a client. Made by `Client.get_async_activity_handle`.

    Its activity usually left itself to be completed (`activity.raise_complete_async`), but need not have: the first
    outcome counts, whoever reports it.
    """

    def __init__(self, connection: Connection, id_or_token: AsyncActivityIDReference | bytes) -> None:
        """Raises:
        ValueError: the task token or an id cannot be one.
        """
        target_of(connection.namespace, id_or_token)
        self._connection = connection
        self._id_or_token = id_or_token

    async def heartbeat(
        self, *details: Any, rpc_metadata: Mapping[str, str | bytes] = {}, rpc_timeout: timedelta | None = None
    ) -> None:
        """Say that the activity is alive, and how far it is. Sent at once, every time.

        Raises:
            AsyncActivityCancelledError: it is to stop; say that it has by `report_cancellation`. Or it was paused or
                reset (`details` say so): end the attempt by `fail`, or let it go on.
            RPCError: the activity is not pending any more (NOT_FOUND), or no engine answered in time.
        """
        await self._connection.calls.heartbeat_async_activity(
            HeartbeatAsyncActivityInput(self._id_or_token, details, rpc_timeout, rpc_metadata)
        )

    async def complete(
        self, result: Any = UNSET, *, rpc_metadata: Mapping[str, str | bytes] = {}, rpc_timeout: timedelta | None = None
    ) -> None:
        """Complete the activity with a result.

        Raises:
            PayloadSizeError: the result is too large.
            RPCError: the activity is not pending any more (NOT_FOUND), or no engine answered in time.
        """
        await self._connection.calls.complete_async_activity(
            CompleteAsyncActivityInput(self._id_or_token, result, rpc_timeout, rpc_metadata)
        )

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
        await self._connection.calls.fail_async_activity(
            FailAsyncActivityInput(self._id_or_token, error, last_heartbeat_details, rpc_timeout, rpc_metadata)
        )

    async def report_cancellation(
        self, *details: Any, rpc_metadata: Mapping[str, str | bytes] = {}, rpc_timeout: timedelta | None = None
    ) -> None:
        """Say that the activity, which was asked to stop, has stopped.

        Raises:
            RPCError: nobody asked it to stop (INVALID_ARGUMENT), it is not pending any more (NOT_FOUND), or no engine
                answered in time.
        """
        await self._connection.calls.report_cancellation_async_activity(
            ReportCancellationAsyncActivityInput(self._id_or_token, details, rpc_timeout, rpc_metadata)
        )


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
