"""A handle: one workflow, by its ids, and what a client may ask of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Generic, cast

from perdure.client.connection import Connection, Refusal, check_text, checked, nothing, query_failed, seconds
from perdure.client.definitions import query_name_and_type, signal_name
from perdure.client.execution import WorkflowExecutionDescription, description_of
from perdure.client.failures import WorkflowQueryRejectedError
from perdure.client.history import WorkflowHistory, WorkflowHistoryEventAsyncIterator, WorkflowHistoryEventFilterType
from perdure.client.outcome import leads_on, result_of
from perdure.client.status import WorkflowExecutionStatus
from perdure.common import UNSET, QueryRejectCondition, positional_arguments
from perdure.protocol.replies import ErrorCode, decode_description, decode_outcome, decode_query_answer
from perdure.protocol.requests import (
    AwaitResult,
    DescribeWorkflow,
    QueryWorkflow,
    RequestCancelWorkflow,
    SignalWorkflow,
    TerminateWorkflow,
)
from perdure.service import RPCError, RPCStatusCode
from perdure.types import ReturnType, SelfType
from perdure_broker.port import StreamKind, TaskStream

_DIAGNOSIS_TIMEOUT = timedelta(seconds=5)


class WorkflowHandle(Generic[SelfType, ReturnType]):
    """One workflow. Made by `Client.start_workflow` or `Client.get_workflow_handle`.

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
        default_reject_condition: QueryRejectCondition | None = None,
    ) -> None:
        check_text("the workflow id", id)
        self._connection = connection
        self._id = id
        self._run_id = run_id
        self._result_run_id = result_run_id
        self._first_execution_run_id = first_execution_run_id
        self._result_type = result_type
        self._default_reject_condition = default_reject_condition

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

    async def result(self, *, follow_runs: bool = True, rpc_timeout: timedelta | None = None) -> ReturnType:
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
        shard_id = connection.transport.shard_id(connection.namespace, self._id)
        while True:
            request = AwaitResult(connection.namespace, self._id, run_id)
            reply = checked(await connection.transport.submit(shard_id, request, seconds(rpc_timeout)))
            outcome = decode_outcome(reply.body)
            if not (follow_runs and leads_on(outcome)):
                return cast(ReturnType, result_of(outcome, connection.converter, self._result_type))
            run_id = outcome.next_run_id

    async def signal(
        self,
        signal: str | Callable[..., Any],
        arg: Any = UNSET,
        *,
        args: Sequence[Any] = (),
        rpc_timeout: timedelta | None = None,
    ) -> None:
        """Send a signal; it is durable when this returns.

        Raises:
            RPCError: no such workflow, or it is closed.
        """
        name = signal_name(signal)
        check_text("the signal name", name)
        packed = self._connection.converter.to_bytes(positional_arguments(arg, (), args))
        request = SignalWorkflow(*self._target(), name, packed, *self._author())
        await self._ask(request, nothing, rpc_timeout)

    async def query(
        self,
        query: str | Callable[..., Any],
        arg: Any = UNSET,
        *,
        args: Sequence[Any] = (),
        result_type: type | None = None,
        reject_condition: QueryRejectCondition | None = None,
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
        check_text("the query name", name)
        converter = self._connection.converter
        packed = converter.to_bytes(positional_arguments(arg, (), args))
        condition = reject_condition or self._default_reject_condition or QueryRejectCondition.NONE
        deadline_us = self._connection.transport.environment.now_us() + int(seconds(rpc_timeout) * 1_000_000)
        request = QueryWorkflow(*self._target(), name, packed, deadline_us, int(condition))
        try:
            answer = await self._ask(request, decode_query_answer, rpc_timeout)
        except Refusal as refusal:
            if refusal.reply.code == ErrorCode.QUERY_REJECTED:
                row = await self._ask(DescribeWorkflow(*self._target()), decode_description, rpc_timeout)
                raise WorkflowQueryRejectedError(WorkflowExecutionStatus(row.status)) from refusal
            error = query_failed(refusal, converter)
            raise error from error.__cause__
        except RPCError as error:
            if error.status != RPCStatusCode.DEADLINE_EXCEEDED:
                raise
            raise RPCError(await self._why_unanswered(name, error.message), error.status) from None
        return converter.value_from_bytes(answer.result, result_type or hint)

    async def cancel(self, *, reason: str = "", rpc_timeout: timedelta | None = None) -> None:
        """Ask the workflow to cancel: its code gets a `CancelledError` and may clean up."""
        await self._ask(RequestCancelWorkflow(*self._target(), reason, *self._author()), nothing, rpc_timeout)

    async def terminate(self, *args: Any, reason: str | None = None, rpc_timeout: timedelta | None = None) -> None:
        """End the workflow at once; its code is not asked. `args` are kept as details."""
        details = self._connection.converter.to_bytes(args)
        request = TerminateWorkflow(*self._target(), reason or "", details, *self._author())
        await self._ask(request, nothing, rpc_timeout)

    async def describe(self, *, rpc_timeout: timedelta | None = None) -> WorkflowExecutionDescription:
        """The state of the run, what is pending, and who polls its task queue."""
        connection = self._connection
        row = await self._ask(DescribeWorkflow(*self._target()), decode_description, rpc_timeout)
        stream = TaskStream(row.namespace, row.task_queue, StreamKind.WORKFLOW)
        queue = await connection.transport.queue_state(stream, seconds(rpc_timeout))
        return description_of(row, queue.workers, connection.converter)

    async def fetch_history(
        self,
        *,
        event_filter_type: WorkflowHistoryEventFilterType = WorkflowHistoryEventFilterType.ALL_EVENT,
        rpc_timeout: timedelta | None = None,
    ) -> WorkflowHistory:
        """The whole history of the run."""
        events = self.fetch_history_events(event_filter_type=event_filter_type, rpc_timeout=rpc_timeout)
        return WorkflowHistory(self._id, [event async for event in events])

    def fetch_history_events(
        self,
        *,
        next_page_token: bytes | None = None,
        event_filter_type: WorkflowHistoryEventFilterType = WorkflowHistoryEventFilterType.ALL_EVENT,
        include_annotations: bool = False,
        rpc_timeout: timedelta | None = None,
    ) -> WorkflowHistoryEventAsyncIterator:
        """The events of the run, page by page.

        Args:
            include_annotations: Also the records that are not events (event id 0): failed attempts, for example.
        """
        return WorkflowHistoryEventAsyncIterator(
            self._connection,
            self._id,
            self._run_id or "",
            next_page_token=next_page_token,
            event_filter_type=event_filter_type,
            include_annotations=include_annotations,
            rpc_timeout=rpc_timeout,
        )

    async def _why_unanswered(self, query: str, otherwise: str) -> str:
        """Why nobody answered a query: what an operator would look for next."""
        try:
            found = await self.describe(rpc_timeout=_DIAGNOSIS_TIMEOUT)
        except RPCError:
            return otherwise
        start = f"no worker answered the query {query!r} to workflow {self._id!r} in time"
        if not found.pollers:
            return f"{start}: no worker polls its task queue {found.task_queue!r}; start one"
        task = found.pending_workflow_task
        if task is not None and task.last_failure is not None:
            return f"{start}: its workflow task fails (attempt {task.attempt}): {task.last_failure}"
        return f"{start}, though {len(found.pollers)} poll its task queue {found.task_queue!r}; they may be busy"

    def _target(self) -> tuple[str, str, str]:
        return self._connection.namespace, self._id, self._run_id or ""

    def _author(self) -> tuple[str, str]:
        return self._connection.new_request_id(), self._connection.transport.identity

    async def _ask(self, request: Any, decode: Callable[[Any], Any], rpc_timeout: timedelta | None) -> Any:
        return await self._connection.ask(self._id, request, decode, rpc_timeout)
