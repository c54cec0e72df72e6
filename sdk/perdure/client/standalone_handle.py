"""A handle to an activity without a workflow: one execution, by its id, and what a client may ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Generic, cast

from perdure.client.connection import Connection, check_text
from perdure.client.failures import ActivityFailureError
from perdure.client.standalone_description import ActivityExecutionDescription
from perdure.client.standalone_inputs import CancelActivityInput, DescribeActivityInput, TerminateActivityInput
from perdure.client.standalone_requeue import requeue_activity
from perdure.converter import DataConverter
from perdure.exceptions import ApplicationError
from perdure.protocol.activity_executions import AwaitActivity
from perdure.protocol.replies import ExecutionStatus, Outcome, decode_outcome
from perdure.types import ReturnType


class ActivityHandle(Generic[ReturnType]):
    """One execution of an activity without a workflow. Made by `Client.start_activity` or `Client.get_activity_handle`.

    Without a run id, each call means the last execution of the activity id.
    """

    def __init__(
        self, connection: Connection, id: str, *, run_id: str | None = None, result_type: type | None = None
    ) -> None:
        check_text("the activity id", id)
        self._connection = connection
        self._id = id
        self._run_id = run_id
        self._result_type = result_type
        self._outcome: Outcome | None = None
        self.is_new = True

    @property
    def id(self) -> str:
        """The activity id."""
        return self._id

    @property
    def run_id(self) -> str | None:
        """The execution that this handle means; None: the last one."""
        return self._run_id

    async def result(
        self, *, rpc_metadata: Mapping[str, str | bytes] = {}, rpc_timeout: timedelta | None = None
    ) -> ReturnType:
        """Wait until the activity closes, and return its result. Asked again, the handle knows it.

        Args:
            rpc_timeout: Bounds the time until an engine says that it knows the activity, not the wait.

        Raises:
            ActivityFailureError: it did not complete; `cause` says why.
            RPCError: no such activity (any more), or no reply in time.
        """
        if self._outcome is None:
            request = AwaitActivity(self._connection.namespace, self._id, self._run_id or "")
            outcome: Outcome = await self._connection.ask(self._id, request, decode_outcome, rpc_timeout)
            self._outcome = outcome
        return cast(ReturnType, result_of(self._outcome, self._connection.converter, self._result_type))

    async def cancel(
        self,
        *,
        reason: str | None = None,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> None:
        """Ask the activity to stop. One that waits for its time or for its next attempt is cancelled at once. The code
        of one that runs gets a `CancelledError` and may clean up; it ends as that says.

        Raises:
            RPCError: no such activity, or it is closed.
        """
        await self._connection.calls.cancel_activity(
            CancelActivityInput(
                activity_id=self._id,
                activity_run_id=self._run_id,
                reason=reason,
                rpc_metadata=rpc_metadata,
                rpc_timeout=rpc_timeout,
            )
        )

    async def terminate(
        self,
        *,
        reason: str | None = None,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> None:
        """End the activity at once, whatever its code does; a worker that runs it is told to stop.

        Raises:
            RPCError: no such activity, or it is closed.
        """
        await self._connection.calls.terminate_activity(
            TerminateActivityInput(
                activity_id=self._id,
                activity_run_id=self._run_id,
                reason=reason,
                rpc_metadata=rpc_metadata,
                rpc_timeout=rpc_timeout,
            )
        )

    async def describe(
        self,
        *,
        include_input: bool = False,
        include_outcome: bool = False,
        include_heartbeat_details: bool = False,
        include_last_failure: bool = False,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> ActivityExecutionDescription:
        """The state of the activity.

        Args:
            include_input, include_outcome, include_heartbeat_details, include_last_failure: What the description is to
                answer beside the rest.

        Raises:
            RPCError: no such activity (any more), or no reply in time.
        """
        return await self._connection.calls.describe_activity(
            DescribeActivityInput(
                activity_id=self._id,
                activity_run_id=self._run_id,
                include_input=include_input,
                include_outcome=include_outcome,
                include_heartbeat_details=include_heartbeat_details,
                include_last_failure=include_last_failure,
                rpc_metadata=rpc_metadata,
                rpc_timeout=rpc_timeout,
            )
        )

    async def requeue(self, *, rpc_timeout: timedelta | None = None) -> ActivityHandle[ReturnType]:
        """Start it again, with the arguments and options that it had, if it closed without completing: failed for good,
        timed out, cancelled or terminated. The new execution has the same id.

        Raises:
            ActivityAlreadyStartedError: an activity of this id is open, or has completed.
            RPCError: no such activity (any more), or no reply in time.
        """
        run_id = await requeue_activity(self._connection, self._id, self._run_id or "", rpc_timeout)
        return ActivityHandle(self._connection, self._id, run_id=run_id, result_type=self._result_type)


def result_of(outcome: Outcome, converter: DataConverter, result_type: Any) -> Any:
    """The result of an activity that completed.

    Raises:
        ActivityFailureError: it did not.
    """
    if outcome.status == ExecutionStatus.COMPLETED:
        return converter.value_from_bytes(outcome.result, result_type)
    if outcome.failure is None:
        raise ActivityFailureError(cause=ApplicationError(f"The activity closed with status {outcome.status}"))
    raise ActivityFailureError(cause=converter.from_failure(outcome.failure))
