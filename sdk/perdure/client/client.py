"""The client: starts workflows, and gives handles to those that exist."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Concatenate, Self, Unpack, cast, overload

from perdure.client.administration import Administration
from perdure.client.async_activity import AsyncActivityHandle, reference_of
from perdure.client.calls import ClientCalls
from perdure.client.connection import Connection, check_text
from perdure.client.definitions import workflow_name_and_type
from perdure.client.handle import WorkflowHandle
from perdure.client.inputs import CountWorkflowsInput, ListWorkflowsInput, StartWorkflowInput
from perdure.client.interceptor import Interceptor, OutboundInterceptor
from perdure.client.lists import WorkflowExecutionAsyncIterator, WorkflowExecutionCount
from perdure.client.start_options import StartOptions, StartOptionsByName, StartOptionsWithArgs
from perdure.client.with_start_calls import WithStartCalls
from perdure.common import (
    UNSET,
    HeaderCodecBehavior,
    MetricMeter,
    QueryRejectCondition,
    RetryPolicy,
    SearchAttributes,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
    positional_arguments,
)
from perdure.converter import DataConverter
from perdure.protocol.ids import DEFAULT_NAMESPACE
from perdure.transport import DEFAULT_ADDRESS, Transport, open_transport
from perdure.types import (
    CallableAsyncNoParam,
    CallableAsyncSingleParam,
    MethodAsyncNoParam,
    MethodAsyncSingleParam,
    MultiParamSpec,
    ParamType,
    ReturnType,
    SelfType,
)

PAGE_SIZE = 1000


class Client(WithStartCalls, Administration):
    """A connection to a cluster, in one namespace. Make one with `Client.connect`, keep it, share it.

    It belongs to the event loop that it was made on. Close it with `close()`, or use it as `async with`.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        data_converter: DataConverter = DataConverter.default,
        interceptors: Sequence[Interceptor] = (),
        default_workflow_query_reject_condition: QueryRejectCondition | None = None,
        header_codec_behavior: HeaderCodecBehavior = HeaderCodecBehavior.NO_CODEC,
        metric_meter: MetricMeter = MetricMeter.noop,
    ) -> None:
        check_text("the namespace", namespace)
        code_headers = header_codec_behavior == HeaderCodecBehavior.CODEC
        self._connection = connection = Connection(transport, namespace, data_converter, code_headers=code_headers)
        self._header_codec_behavior = header_codec_behavior
        self._metric_meter = metric_meter
        self._interceptors = tuple(interceptors)
        calls: OutboundInterceptor = ClientCalls(connection, default_workflow_query_reject_condition)
        for interceptor in reversed(self._interceptors):
            if not isinstance(interceptor, Interceptor):
                raise TypeError(
                    f"{interceptor!r} is no client interceptor: make its class a perdure.client.Interceptor"
                )
            calls = interceptor.intercept_client(calls)
        connection.calls = calls

    @staticmethod
    async def connect(
        target_host: str | None = None,
        *,
        namespace: str | None = None,
        data_converter: DataConverter = DataConverter.default,
        interceptors: Sequence[Interceptor] = (),
        default_workflow_query_reject_condition: QueryRejectCondition | None = None,
        tls: bool = False,
        identity: str | None = None,
        header_codec_behavior: HeaderCodecBehavior = HeaderCodecBehavior.NO_CODEC,
        metric_meter: MetricMeter = MetricMeter.noop,
    ) -> Client:
        """Connect to a cluster.

        Args:
            target_host: The address of the cluster's Redis or Valkey: `host:port`, or a URL: `redis://`, `unix://`,
                `redis+sentinel://host:port,host:port/service`, `redis+cluster://host:port,host:port`; `rediss...` for
                TLS. None: PERDURE_ADDRESS, else the address of `perdure dev`.
            namespace: None: PERDURE_NAMESPACE, else "default".
            data_converter: Converts arguments, results and failures; the worker needs the same.
            interceptors: What all calls of this client pass through, the first one first. Those that are worker
                interceptors too stand before those of each worker of this client.
            tls: Encrypt the connection (as a `rediss://` URL does).
            identity: Who calls, as histories show it; by default `pid@host`.
            header_codec_behavior: Whether the data converter's codec encodes headers, too; workers of this client do
                the same.
            metric_meter: Where the metrics of workflows and activities go, in workers of this client.

        Raises:
            ValueError: not an address.
            RPCError: nothing answers there, or no engine has ever started there.
        """
        address = target_host or os.environ.get("PERDURE_ADDRESS") or DEFAULT_ADDRESS
        transport = await open_transport(address, identity=identity, tls=tls)
        return Client(
            transport,
            namespace=namespace or os.environ.get("PERDURE_NAMESPACE") or DEFAULT_NAMESPACE,
            data_converter=data_converter,
            interceptors=interceptors,
            default_workflow_query_reject_condition=default_workflow_query_reject_condition,
            header_codec_behavior=header_codec_behavior,
            metric_meter=metric_meter,
        )

    async def close(self) -> None:
        """Close the connection. Whoever still waits for a result gets an `RPCError`; the workflows go on."""
        await self._connection.transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def namespace(self) -> str:
        return self._connection.namespace

    @property
    def identity(self) -> str:
        return self._connection.transport.identity

    @property
    def data_converter(self) -> DataConverter:
        return self._connection.converter

    @property
    def interceptors(self) -> Sequence[Interceptor]:
        """What the client was given; for workers."""
        return self._interceptors

    @property
    def header_codec_behavior(self) -> HeaderCodecBehavior:
        """What the client was given; for workers."""
        return self._header_codec_behavior

    @property
    def metric_meter(self) -> MetricMeter:
        """What the client was given; for workers."""
        return self._metric_meter

    @property
    def transport(self) -> Transport:
        """The way to the cluster; for workers."""
        return self._connection.transport

    # Starting --------------------------------------------------------------------------------------------------------
    @overload
    async def start_workflow(
        self, workflow: MethodAsyncNoParam[SelfType, ReturnType], **options: Unpack[StartOptions]
    ) -> WorkflowHandle[SelfType, ReturnType]: ...
    @overload
    async def start_workflow(
        self,
        workflow: MethodAsyncSingleParam[SelfType, ParamType, ReturnType],
        arg: ParamType,
        **options: Unpack[StartOptions],
    ) -> WorkflowHandle[SelfType, ReturnType]: ...
    @overload
    async def start_workflow(
        self,
        workflow: Callable[Concatenate[SelfType, MultiParamSpec], Awaitable[ReturnType]],
        **options: Unpack[StartOptionsWithArgs],
    ) -> WorkflowHandle[SelfType, ReturnType]: ...
    @overload
    async def start_workflow(
        self, workflow: CallableAsyncNoParam[ReturnType], **options: Unpack[StartOptions]
    ) -> WorkflowHandle[Any, ReturnType]: ...
    @overload
    async def start_workflow(
        self, workflow: CallableAsyncSingleParam[ParamType, ReturnType], arg: ParamType, **options: Unpack[StartOptions]
    ) -> WorkflowHandle[Any, ReturnType]: ...
    @overload
    async def start_workflow(
        self, workflow: str, arg: Any = ..., **options: Unpack[StartOptionsByName]
    ) -> WorkflowHandle[Any, Any]: ...

    async def start_workflow(
        self,
        workflow: str | Callable[..., Awaitable[Any]],
        arg: Any = UNSET,
        *,
        args: Sequence[Any] = (),
        id: str,
        task_queue: str,
        result_type: type | None = None,
        execution_timeout: timedelta | None = None,
        run_timeout: timedelta | None = None,
        task_timeout: timedelta | None = None,
        id_reuse_policy: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy: WorkflowIDConflictPolicy = WorkflowIDConflictPolicy.UNSPECIFIED,
        retry_policy: RetryPolicy | None = None,
        cron_schedule: str = "",
        memo: Mapping[str, Any] | None = None,
        search_attributes: TypedSearchAttributes | SearchAttributes | None = None,
        start_delay: timedelta | None = None,
        start_signal: str | None = None,
        start_signal_args: Sequence[Any] = (),
        rpc_timeout: timedelta | None = None,
    ) -> WorkflowHandle[Any, Any]:
        """Start a workflow; it is durable when this returns, whether or not a worker polls its task queue.

        Args:
            workflow: The workflow's `run` method, a workflow function, or the name of its type.
            arg: Its argument, if it takes one.
            args: Its arguments, if it takes several.
            id: The workflow id: yours to choose, unique among the open runs of the namespace.
            task_queue: Where its workers poll.
            result_type: What the result is converted to, where `workflow` is a name.
            execution_timeout: Bounds the workflow with its retries and continuations.
            run_timeout: Bounds one run.
            task_timeout: How long a worker may take for one workflow task.
            id_reuse_policy: What to do when the last run of this id is closed.
            id_conflict_policy: What to do when a run of this id is open.
            retry_policy: Start again when it fails. None: do not.
            cron_schedule: Run again and again at these times (UTC): five fields, `@daily` or the like, `@every 1h30m`;
                `CRON_TZ=Europe/Berlin ` before it names a time zone.
            memo: Notes that lists and descriptions show.
            search_attributes: What lists can find it by; a dictionary of lists is the deprecated form.
            start_delay: Wait this long before the first workflow task.
            start_signal: A signal that the new run gets, or the open one in its place.
            start_signal_args: Its arguments.
            rpc_timeout: How long to wait for the engine's confirmation, by default 30 s.

        Raises:
            WorkflowAlreadyStartedError: the id is taken; `run_id` says by whom.
            PayloadSizeError: the arguments are too large.
            RPCError: refused, or no engine confirmed it in time.
        """
        name, hint = workflow_name_and_type(workflow)
        input = StartWorkflowInput(
            workflow=name,
            args=positional_arguments(arg, (), args),
            id=id,
            task_queue=task_queue,
            execution_timeout=execution_timeout,
            run_timeout=run_timeout,
            task_timeout=task_timeout,
            id_reuse_policy=id_reuse_policy,
            id_conflict_policy=id_conflict_policy,
            retry_policy=retry_policy,
            cron_schedule=cron_schedule,
            memo=memo,
            search_attributes=search_attributes,
            start_delay=start_delay,
            headers={},
            ret_type=result_type or hint,
            rpc_timeout=rpc_timeout,
            start_signal=start_signal,
            start_signal_args=start_signal_args,
        )
        return await self._connection.calls.start_workflow(input)

    @overload
    async def execute_workflow(
        self, workflow: MethodAsyncNoParam[SelfType, ReturnType], **options: Unpack[StartOptions]
    ) -> ReturnType: ...
    @overload
    async def execute_workflow(
        self,
        workflow: MethodAsyncSingleParam[SelfType, ParamType, ReturnType],
        arg: ParamType,
        **options: Unpack[StartOptions],
    ) -> ReturnType: ...
    @overload
    async def execute_workflow(
        self,
        workflow: Callable[Concatenate[SelfType, MultiParamSpec], Awaitable[ReturnType]],
        **options: Unpack[StartOptionsWithArgs],
    ) -> ReturnType: ...
    @overload
    async def execute_workflow(
        self, workflow: CallableAsyncNoParam[ReturnType], **options: Unpack[StartOptions]
    ) -> ReturnType: ...
    @overload
    async def execute_workflow(
        self, workflow: CallableAsyncSingleParam[ParamType, ReturnType], arg: ParamType, **options: Unpack[StartOptions]
    ) -> ReturnType: ...
    @overload
    async def execute_workflow(self, workflow: str, arg: Any = ..., **options: Unpack[StartOptionsByName]) -> Any: ...

    async def execute_workflow(
        self,
        workflow: str | Callable[..., Awaitable[Any]],
        arg: Any = UNSET,
        *,
        args: Sequence[Any] = (),
        id: str,
        task_queue: str,
        result_type: type | None = None,
        execution_timeout: timedelta | None = None,
        run_timeout: timedelta | None = None,
        task_timeout: timedelta | None = None,
        id_reuse_policy: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy: WorkflowIDConflictPolicy = WorkflowIDConflictPolicy.UNSPECIFIED,
        retry_policy: RetryPolicy | None = None,
        cron_schedule: str = "",
        memo: Mapping[str, Any] | None = None,
        search_attributes: TypedSearchAttributes | SearchAttributes | None = None,
        start_delay: timedelta | None = None,
        start_signal: str | None = None,
        start_signal_args: Sequence[Any] = (),
        rpc_timeout: timedelta | None = None,
    ) -> Any:
        """Start a workflow and wait for its result, in one request: `start_workflow`, then `result`.

        Raises:
            WorkflowFailureError: it did not complete; `cause` says why.
            Further, what `start_workflow` raises.
        """
        name, hint = workflow_name_and_type(workflow)
        input = StartWorkflowInput(
            workflow=name,
            args=positional_arguments(arg, (), args),
            id=id,
            task_queue=task_queue,
            execution_timeout=execution_timeout,
            run_timeout=run_timeout,
            task_timeout=task_timeout,
            id_reuse_policy=id_reuse_policy,
            id_conflict_policy=id_conflict_policy,
            retry_policy=retry_policy,
            cron_schedule=cron_schedule,
            memo=memo,
            search_attributes=search_attributes,
            start_delay=start_delay,
            headers={},
            ret_type=result_type or hint,
            rpc_timeout=rpc_timeout,
            start_signal=start_signal,
            start_signal_args=start_signal_args,
        )
        calls = self._connection.calls
        if isinstance(calls, ClientCalls) and start_signal is None:
            return await calls.execute_workflow(input)
        return await (await calls.start_workflow(input)).result()

    # Handles ---------------------------------------------------------------------------------------------------------
    def get_workflow_handle(
        self,
        workflow_id: str,
        *,
        run_id: str | None = None,
        first_execution_run_id: str | None = None,
        result_type: type | None = None,
    ) -> WorkflowHandle[Any, Any]:
        """A handle to a workflow that may exist; nothing is asked yet.

        Args:
            workflow_id: Its id.
            run_id: One of its runs; None: the open one, or the latest.
            first_execution_run_id: The first run of its chain, if known.
            result_type: What the result is converted to.
        """
        return WorkflowHandle(
            self._connection,
            workflow_id,
            run_id=run_id,
            result_run_id=run_id,
            first_execution_run_id=first_execution_run_id,
            result_type=result_type,
        )

    def get_workflow_handle_for(
        self,
        workflow: MethodAsyncNoParam[SelfType, ReturnType] | MethodAsyncSingleParam[SelfType, Any, ReturnType],
        workflow_id: str,
        *,
        run_id: str | None = None,
        first_execution_run_id: str | None = None,
    ) -> WorkflowHandle[SelfType, ReturnType]:
        """The same, typed by the workflow's `run` method."""
        _, result_type = workflow_name_and_type(workflow)
        handle = self.get_workflow_handle(
            workflow_id, run_id=run_id, first_execution_run_id=first_execution_run_id, result_type=result_type
        )
        return cast(WorkflowHandle[SelfType, ReturnType], handle)

    @overload
    def get_async_activity_handle(
        self, *, workflow_id: str, run_id: str | None, activity_id: str
    ) -> AsyncActivityHandle: ...
    @overload
    def get_async_activity_handle(self, *, task_token: bytes) -> AsyncActivityHandle: ...

    def get_async_activity_handle(
        self,
        *,
        workflow_id: str | None = None,
        run_id: str | None = None,
        activity_id: str | None = None,
        task_token: bytes | None = None,
    ) -> AsyncActivityHandle:
        """A handle to complete an activity of a workflow, or to keep it alive, from anywhere; nothing is asked yet.

        Args:
            workflow_id: The workflow that called it.
            run_id: Its run; None: the open one.
            activity_id: The activity's id, as `activity.info().activity_id` says it.
            task_token: In place of the ids, `activity.info().task_token`: means this attempt alone.

        Raises:
            ValueError: neither, or both, or no task token.
        """
        reference = reference_of(workflow_id, run_id, activity_id, task_token)
        return AsyncActivityHandle(self._connection, reference)

    # Reading ---------------------------------------------------------------------------------------------------------
    def list_workflows(
        self,
        query: str | None = None,
        *,
        limit: int | None = None,
        page_size: int = PAGE_SIZE,
        next_page_token: bytes | None = None,
        rpc_timeout: timedelta | None = None,
    ) -> WorkflowExecutionAsyncIterator:
        """Runs that match `query`; `async for` reads them page by page, newest start first unless the query says
        otherwise.

        Args:
            query: Conditions on what every run has (WorkflowId, WorkflowType, ExecutionStatus, StartTime, CloseTime,
                ...) and on search attributes: `=`, `!=`, `<`, `<=`, `>`, `>=`, `IN`, `BETWEEN`, `STARTS_WITH`, `IS
                NULL`, joined by `AND`, `OR`, `NOT` and parentheses; then `ORDER BY`. For example `Customer = 'ada' AND
                StartTime > '-1h' ORDER BY Amount DESC`. None: all.
            limit: At most so many.

        Raises (while it is read):
            RPCError: INVALID_ARGUMENT: the query cannot be understood; the message shows where.
        """
        return self._connection.calls.list_workflows(
            ListWorkflowsInput(
                query=query,
                page_size=page_size,
                next_page_token=next_page_token,
                rpc_timeout=rpc_timeout,
                limit=limit,
            )
        )

    async def count_workflows(
        self, query: str | None = None, rpc_timeout: timedelta | None = None
    ) -> WorkflowExecutionCount:
        """How many runs match `query` (see `list_workflows`), by group if it ends in `GROUP BY`."""
        return await self._connection.calls.count_workflows(CountWorkflowsInput(query=query, rpc_timeout=rpc_timeout))
