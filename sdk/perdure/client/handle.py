"""A handle: one workflow, by its ids, and what a client may ask of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Generic, cast

from perdure.client.activity_calls import ActivityCalls
from perdure.client.connection import Connection, check_text
from perdure.client.deletion import delete_workflow
from perdure.client.execution import WorkflowExecutionDescription
from perdure.client.history import WorkflowHistory, WorkflowHistoryEventAsyncIterator, WorkflowHistoryEventFilterType
from perdure.client.inputs import (
    CancelWorkflowInput,
    DescribeWorkflowInput,
    FetchWorkflowHistoryEventsInput,
    QueryWorkflowInput,
    SignalWorkflowInput,
    TerminateWorkflowInput,
)
from perdure.client.outcome import leads_on, result_of
from perdure.client.reset import ResetReapplyExcludeType, WorkflowResetPoint, reset_workflow
from perdure.client.update_calls import UpdateCalls
from perdure.common import UNSET, QueryRejectCondition, positional_arguments
from perdure.protocol.replies import decode_outcome
from perdure.protocol.requests import AwaitResult
from perdure.types import ReturnType, SelfType
from perdure.workflow.naming import query_name_and_type, signal_name


class WorkflowHandle(UpdateCalls[SelfType], ActivityCalls, Generic[SelfType, ReturnType]):
    """One workflow. Made by `Client.start_workflow` or `Client.get_workflow_handle`.

    `rpc_metadata`, here and elsewhere, is for interceptors: there is no gRPC.

    Without a run id, each call means the open run of the workflow id, or the latest.
    """

    def __init__(
        self,
        connection: Connection,
        id: str,
        *,
        run_id: str | None = None,
        result_run_id: str | None = None,
        first_execution_run_id: str | None = None,
        result_type: type | None = None,
    ) -> None:
        check_text("the workflow id", id)
        self._connection = connection
        self._id = id
        self._run_id = run_id
        self._result_run_id = result_run_id
        self._first_execution_run_id = first_execution_run_id
        self._result_type = result_type

    @property
    def id(self) -> str:
        """The workflow id."""
        return self._id

    @property
    def run_id(self) -> str | None:
        """The run that signals, queries and the rest go to; None: the open one, or the latest."""
        return self._run_id

    @property
    def result_run_id(self) -> str | None:
        """The run whose result is awaited (and followed)."""
        return self._result_run_id

    @property
    def first_execution_run_id(self) -> str | None:
        """The first run of the chain, if known."""
        return self._first_execution_run_id

    async def result(
        self,
        *,
        follow_runs: bool = True,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> ReturnType:
        """Wait until the workflow closes, and return its result.

        Args:
            follow_runs: Go on to the run that took over, when this one was continued as new or retried.
            rpc_timeout: Bounds the time until an engine says that it knows the run, not the wait.

        Raises:
            WorkflowFailureError: it did not complete; `cause` says why.
            WorkflowContinuedAsNewError: with `follow_runs` False.
            RPCError: no such workflow, or no reply in time.
        """
        connection = self._connection
        run_id = self._result_run_id or ""
        while True:
            request = AwaitResult(connection.namespace, self._id, run_id)
            outcome = await connection.ask(self._id, request, decode_outcome, rpc_timeout)
            if not (follow_runs and leads_on(outcome)):
                return cast(ReturnType, result_of(outcome, connection.converter, self._result_type))
            run_id = outcome.next_run_id

    async def signal(
        self,
        signal: str | Callable[..., Any],
        arg: Any = UNSET,
        *,
        args: Sequence[Any] = (),
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> None:
        """Send a signal; it is durable when this returns.

        Raises:
            RPCError: no such workflow, or it is closed.
        """
        await self._connection.calls.signal_workflow(
            SignalWorkflowInput(
                id=self._id,
                run_id=self._run_id,
                signal=signal_name(signal),
                args=positional_arguments(arg, (), args),
                headers={},
                rpc_metadata=rpc_metadata,
                rpc_timeout=rpc_timeout,
            )
        )

    async def query(
        self,
        query: str | Callable[..., Any],
        arg: Any = UNSET,
        *,
        args: Sequence[Any] = (),
        result_type: type | None = None,
        reject_condition: QueryRejectCondition | None = None,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> Any:
        """Ask the workflow's code a question. It sees every event that was committed when the question arrived.

        Args:
            rpc_timeout: How long to wait for a worker that answers, by default 30 s.

        Raises:
            WorkflowQueryFailedError: the handler raised, or there is none of this name.
            WorkflowQueryRejectedError: `reject_condition` holds.
            RPCError: no such workflow, or no worker answered in time.
        """
        name, hint = query_name_and_type(query)
        return await self._connection.calls.query_workflow(
            QueryWorkflowInput(
                id=self._id,
                run_id=self._run_id,
                query=name,
                args=positional_arguments(arg, (), args),
                reject_condition=reject_condition,
                headers={},
                ret_type=result_type or hint,
                rpc_metadata=rpc_metadata,
                rpc_timeout=rpc_timeout,
            )
        )

    async def cancel(
        self, *, reason: str = "", rpc_metadata: Mapping[str, str | bytes] = {}, rpc_timeout: timedelta | None = None
    ) -> None:
        """Ask the workflow to cancel: its code gets a `CancelledError` and may clean up."""
        await self._connection.calls.cancel_workflow(
            CancelWorkflowInput(
                id=self._id,
                run_id=self._run_id,
                first_execution_run_id=self._first_execution_run_id,
                reason=reason,
                rpc_metadata=rpc_metadata,
                rpc_timeout=rpc_timeout,
            )
        )

    async def terminate(
        self,
        *args: Any,
        reason: str | None = None,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> None:
        """End the workflow at once; its code is not asked. `args` are kept as details."""
        await self._connection.calls.terminate_workflow(
            TerminateWorkflowInput(
                id=self._id,
                run_id=self._run_id,
                first_execution_run_id=self._first_execution_run_id,
                args=args,
                reason=reason,
                rpc_metadata=rpc_metadata,
                rpc_timeout=rpc_timeout,
            )
        )

    async def reset(
        self,
        to: WorkflowResetPoint | int = WorkflowResetPoint.LAST_WORKFLOW_TASK,
        *,
        reason: str = "",
        exclude: Sequence[ResetReapplyExcludeType] = (),
        rpc_timeout: timedelta | None = None,
    ) -> WorkflowHandle[SelfType, ReturnType]:
        """Go back to a workflow task, and from there on in a new run; the open run is terminated for it.

        The new run has the history up to that task, which is done anew. Activities that were pending then are run
        again, timers are set again, and what was sent to the workflow since is applied again. Whoever waits for the
        result and follows runs waits for that of the new run.

        Args:
            to: The first or the last completed workflow task, or the id of the event that closes one.
            reason: Why; kept in the history.
            exclude: What is not to be applied again.

        Returns:
            A handle whose `result_run_id` is the new run.

        Raises:
            RPCError: no such workflow, or nothing in its history to go back to; says which events are.
        """
        run_id = await reset_workflow(self._connection, self._id, self._run_id, to, reason, exclude, rpc_timeout)
        return WorkflowHandle(
            self._connection,
            self._id,
            result_run_id=run_id,
            first_execution_run_id=self._first_execution_run_id,
            result_type=self._result_type,
        )

    async def delete(self, *, rpc_timeout: timedelta | None = None) -> None:
        """Forget the run, with its history and its place in lists; an open one is terminated first. Without a run id,
        the open run or the latest; other runs of the workflow id stay.

        Raises:
            RPCError: no such workflow.
        """
        await delete_workflow(self._connection, self._id, self._run_id, rpc_timeout)

    async def describe(
        self, *, rpc_metadata: Mapping[str, str | bytes] = {}, rpc_timeout: timedelta | None = None
    ) -> WorkflowExecutionDescription:
        """The state of the run, what is pending, and who polls its task queue."""
        return await self._connection.calls.describe_workflow(
            DescribeWorkflowInput(id=self._id, run_id=self._run_id, rpc_metadata=rpc_metadata, rpc_timeout=rpc_timeout)
        )

    async def fetch_history(
        self,
        *,
        event_filter_type: WorkflowHistoryEventFilterType = WorkflowHistoryEventFilterType.ALL_EVENT,
        skip_archival: bool = False,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> WorkflowHistory:
        """The whole history of the run. `skip_archival` has no effect: there is one place for histories."""
        events = self.fetch_history_events(
            event_filter_type=event_filter_type, rpc_metadata=rpc_metadata, rpc_timeout=rpc_timeout
        )
        found = [event async for event in events]
        return WorkflowHistory(self._id, found, events.run_id)

    def fetch_history_events(
        self,
        *,
        page_size: int | None = None,
        next_page_token: bytes | None = None,
        event_filter_type: WorkflowHistoryEventFilterType = WorkflowHistoryEventFilterType.ALL_EVENT,
        skip_archival: bool = False,
        include_annotations: bool = False,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> WorkflowHistoryEventAsyncIterator:
        """The events of the run, page by page.

        Args:
            page_size, skip_archival: Have no effect: pages are of the size that messages bear, in one place.
            include_annotations: Also the records that are not events (event id 0): failed attempts, for example.
        """
        return self._connection.calls.fetch_workflow_history_events(
            FetchWorkflowHistoryEventsInput(
                id=self._id,
                run_id=self._run_id,
                next_page_token=next_page_token,
                event_filter_type=event_filter_type,
                include_annotations=include_annotations,
                rpc_metadata=rpc_metadata,
                rpc_timeout=rpc_timeout,
            )
        )
