"""What the calls of a client do: the end of the chain of its interceptors.

Role: an input in, a request to the shard or the frontend, its answer out. `Client` and its handles only gather options.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from perdure.client.async_activity_calls import AsyncActivityCalls
from perdure.client.connection import (
    Connection,
    Refusal,
    check_text,
    nothing,
    query_failed,
    seconds,
    start_refused,
)
from perdure.client.execution import (
    WorkflowExecutionDescription,
    description_of,
)
from perdure.client.failures import WorkflowQueryRejectedError
from perdure.client.handle import WorkflowHandle
from perdure.client.history import WorkflowHistoryEventAsyncIterator
from perdure.client.inputs import (
    CancelWorkflowInput,
    CountWorkflowsInput,
    DescribeWorkflowInput,
    FetchWorkflowHistoryEventsInput,
    ListWorkflowsInput,
    QueryWorkflowInput,
    SignalWorkflowInput,
    StartWorkflowInput,
    StartWorkflowUpdateInput,
    StartWorkflowUpdateWithStartInput,
    TerminateWorkflowInput,
)
from perdure.client.interceptor import OutboundInterceptor
from perdure.client.lists import WorkflowExecutionAsyncIterator, WorkflowExecutionCount, count_of
from perdure.client.outcome import leads_on, result_of
from perdure.client.schedule_calls import ScheduleCalls
from perdure.client.standalone_calls import StandaloneActivityCalls
from perdure.client.standalone_lists import StandaloneListCalls
from perdure.client.start import start_request, start_with_signal
from perdure.client.status import WorkflowExecutionStatus
from perdure.client.updates import WorkflowUpdateHandle, start_update
from perdure.client.with_start import start_update_with_start
from perdure.common import QueryRejectCondition
from perdure.protocol.frontend import CountWorkflows, decode_execution_count
from perdure.protocol.payload import pack_payload_map
from perdure.protocol.replies import ErrorCode, decode_description, decode_outcome, decode_query_answer, decode_started
from perdure.protocol.requests import (
    DescribeWorkflow,
    QueryWorkflow,
    RequestCancelWorkflow,
    SignalWorkflow,
    StartWorkflow,
    StartWorkflowWith,
    TerminateWorkflow,
)
from perdure.service import RPCError, RPCStatusCode
from perdure_broker.port import StreamKind, TaskStream

_DIAGNOSIS_TIMEOUT = timedelta(seconds=5)


class ClientCalls(AsyncActivityCalls, ScheduleCalls, StandaloneActivityCalls, StandaloneListCalls, OutboundInterceptor):
    """See the module's docstring."""

    def __init__(self, connection: Connection, default_reject_condition: QueryRejectCondition | None) -> None:
        self._connection = connection
        self._default_reject_condition = default_reject_condition

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        connection = self._connection
        request: StartWorkflow | StartWorkflowWith
        if input.start_signal is None:
            start = request = start_request(connection, input, wait_result=False)
        else:
            request = start_with_signal(connection, input, input.start_signal)
            start = request.start
        await connection.register_types(start.search_attributes, input.rpc_timeout)
        try:
            started = await connection.ask(input.id, request, decode_started, input.rpc_timeout)
        except Refusal as refusal:
            raise start_refused(refusal, input.id, input.workflow) from None
        return WorkflowHandle(
            connection,
            input.id,
            result_run_id=started.run_id,
            first_execution_run_id=started.run_id if started.created else None,
            result_type=input.ret_type,
        )

    async def execute_workflow(self, input: StartWorkflowInput) -> Any:
        """Start and result in one request; only where nothing intercepts the start."""
        connection = self._connection
        request = start_request(connection, input, wait_result=True)
        await connection.register_types(request.search_attributes, input.rpc_timeout)
        try:
            outcome = await connection.ask(input.id, request, decode_outcome, input.rpc_timeout)
        except Refusal as refusal:
            raise start_refused(refusal, input.id, input.workflow) from None
        if leads_on(outcome):
            handle = WorkflowHandle[Any, Any](
                connection, input.id, result_run_id=outcome.next_run_id, result_type=input.ret_type
            )
            return await handle.result()
        return result_of(outcome, connection.converter, input.ret_type)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        check_text("the signal name", input.signal)
        connection = self._connection
        request = SignalWorkflow(
            *self._target(input.id, input.run_id),
            input.signal,
            connection.converter.to_kept_bytes(input.args, "the arguments of signal", input.signal),
            *connection.author(),
            pack_payload_map(input.headers),
        )
        await connection.ask(input.id, request, nothing, input.rpc_timeout)

    async def query_workflow(self, input: QueryWorkflowInput) -> Any:
        check_text("the query name", input.query)
        connection = self._connection
        converter = connection.converter
        condition = input.reject_condition or self._default_reject_condition or QueryRejectCondition.NONE
        deadline_us = connection.transport.environment.now_us() + int(seconds(input.rpc_timeout) * 1_000_000)
        target = self._target(input.id, input.run_id)
        request = QueryWorkflow(
            *target,
            input.query,
            converter.to_bytes(input.args),
            deadline_us,
            int(condition),
            pack_payload_map(input.headers),
        )
        try:
            answer = await connection.ask(input.id, request, decode_query_answer, input.rpc_timeout)
        except Refusal as refusal:
            if refusal.reply.code == ErrorCode.QUERY_REJECTED:
                row = await connection.ask(input.id, DescribeWorkflow(*target), decode_description, input.rpc_timeout)
                raise WorkflowQueryRejectedError(WorkflowExecutionStatus(row.status)) from refusal
            error = query_failed(refusal, converter)
            raise error from error.__cause__
        except RPCError as error:
            if error.status != RPCStatusCode.DEADLINE_EXCEEDED:
                raise
            raise RPCError(await self._why_unanswered(input, error.message), error.status) from None
        return converter.value_from_bytes(answer.result, input.ret_type)

    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:
        return await start_update(self._connection, input)

    async def start_update_with_start_workflow(
        self, input: StartWorkflowUpdateWithStartInput
    ) -> WorkflowUpdateHandle[Any]:
        return await start_update_with_start(self._connection, input)

    async def cancel_workflow(self, input: CancelWorkflowInput) -> None:
        connection = self._connection
        target = self._target(input.id, input.run_id)
        chain = input.first_execution_run_id or ""
        request = RequestCancelWorkflow(*target, input.reason, *connection.author(), chain)
        await connection.ask(input.id, request, nothing, input.rpc_timeout)

    async def terminate_workflow(self, input: TerminateWorkflowInput) -> None:
        connection = self._connection
        details = connection.converter.to_bytes(input.args)
        target = self._target(input.id, input.run_id)
        chain = input.first_execution_run_id or ""
        request = TerminateWorkflow(*target, input.reason or "", details, *connection.author(), chain)
        await connection.ask(input.id, request, nothing, input.rpc_timeout)

    async def describe_workflow(self, input: DescribeWorkflowInput) -> WorkflowExecutionDescription:
        connection = self._connection
        request = DescribeWorkflow(*self._target(input.id, input.run_id))
        row = await connection.ask(input.id, request, decode_description, input.rpc_timeout)
        stream = TaskStream(row.namespace, row.task_queue, StreamKind.WORKFLOW)
        queue = await connection.transport.queue_state(stream, seconds(input.rpc_timeout))
        return description_of(row, queue.workers, connection.converter)

    def fetch_workflow_history_events(
        self, input: FetchWorkflowHistoryEventsInput
    ) -> WorkflowHistoryEventAsyncIterator:
        return WorkflowHistoryEventAsyncIterator(
            self._connection,
            input.id,
            input.run_id or "",
            next_page_token=input.next_page_token,
            event_filter_type=input.event_filter_type,
            include_annotations=input.include_annotations,
            rpc_timeout=input.rpc_timeout,
        )

    def list_workflows(self, input: ListWorkflowsInput) -> WorkflowExecutionAsyncIterator:
        return WorkflowExecutionAsyncIterator(
            self._connection,
            input.query or "",
            limit=input.limit,
            page_size=input.page_size,
            next_page_token=input.next_page_token,
            rpc_timeout=input.rpc_timeout,
        )

    async def count_workflows(self, input: CountWorkflowsInput) -> WorkflowExecutionCount:
        connection = self._connection
        request = CountWorkflows(connection.namespace, query=input.query or "")
        counted = await connection.ask_frontend(request, decode_execution_count, input.rpc_timeout)
        return count_of(counted)

    def _target(self, workflow_id: str, run_id: str | None) -> tuple[str, str, str]:
        return self._connection.namespace, workflow_id, run_id or ""

    async def _why_unanswered(self, input: QueryWorkflowInput, otherwise: str) -> str:
        """Why nobody answered a query: what an operator would look for next."""
        try:
            found = await self.describe_workflow(DescribeWorkflowInput(input.id, input.run_id, _DIAGNOSIS_TIMEOUT))
        except RPCError:
            return otherwise
        start = f"no worker answered the query {input.query!r} to workflow {input.id!r} in time"
        if not found.pollers:
            return f"{start}: no worker polls its task queue {found.task_queue!r}; start one"
        task = found.pending_workflow_task
        if task is not None and task.last_failure is not None:
            return f"{start}: its workflow task fails (attempt {task.attempt}): {task.last_failure}"
        return f"{start}, though {len(found.pollers)} poll its task queue {found.task_queue!r}; they may be busy"
