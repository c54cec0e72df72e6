"""The client: starts workflows, and gives handles to those that exist."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, cast, overload

from perdure.client.administration import Administration
from perdure.client.async_activity import AsyncActivityHandle, reference_of
from perdure.client.calls import ClientCalls
from perdure.client.configuration import ClientConfig
from perdure.client.connection import Connection, check_text
from perdure.client.handle import WorkflowHandle
from perdure.client.inputs import CountWorkflowsInput, ListWorkflowsInput
from perdure.client.interceptor import Interceptor, OutboundInterceptor
from perdure.client.lists import WorkflowExecutionAsyncIterator, WorkflowExecutionCount
from perdure.client.schedule_calls import ScheduleClient
from perdure.client.standalone import StandaloneActivities
from perdure.client.standalone_lists import StandaloneLists
from perdure.client.start_calls import StartCalls
from perdure.client.with_start_calls import WithStartCalls
from perdure.common import (
    HeaderCodecBehavior,
    MetricMeter,
    QueryRejectCondition,
)
from perdure.connection_options import (
    DnsLoadBalancingConfig,
    GrpcCompression,
    HttpConnectProxyConfig,
    KeepAliveConfig,
    RetryConfig,
    TLSConfig,
    refuse_plugins,
    warn_of_missed,
)
from perdure.converter import DataConverter
from perdure.protocol.ids import DEFAULT_NAMESPACE
from perdure.runtime import Runtime
from perdure.service import RPCError, RPCStatusCode
from perdure.transport import DEFAULT_ADDRESS, Transport, open_transport
from perdure.types import (
    MethodAsyncNoParam,
    MethodAsyncSingleParam,
    ReturnType,
    SelfType,
)
from perdure.workflow.naming import workflow_name_and_type

PAGE_SIZE = 1000


class Client(StartCalls, WithStartCalls, StandaloneActivities, StandaloneLists, ScheduleClient, Administration):
    """A connection to a cluster, in one namespace. Make one with `Client.connect`, keep it, share it.

    It belongs to the event loop that it was made on. Close it with `close()`, or use it as `async with`.
    """

    def __init__(
        self,
        service_client: Transport,
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
        self._connection = connection = Connection(service_client, namespace, data_converter, code_headers=code_headers)
        self._header_codec_behavior = header_codec_behavior
        self._metric_meter = metric_meter
        self._interceptors = tuple(interceptors)
        self._reject_condition = default_workflow_query_reject_condition
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
        tls: bool | TLSConfig | None = None,
        identity: str | None = None,
        header_codec_behavior: HeaderCodecBehavior = HeaderCodecBehavior.NO_CODEC,
        metric_meter: MetricMeter = MetricMeter.noop,
        api_key: str | None = None,
        retry_config: RetryConfig | None = None,
        keep_alive_config: KeepAliveConfig | None = KeepAliveConfig.default,
        connect_timeout: timedelta | None = None,
        rpc_metadata: Mapping[str, str | bytes] = {},
        lazy: bool = False,
        runtime: Runtime | None = None,
        http_connect_proxy_config: HttpConnectProxyConfig | None = None,
        dns_load_balancing_config: DnsLoadBalancingConfig | None = None,
        grpc_compression: GrpcCompression = GrpcCompression.GZIP,
        plugins: Sequence[object] = (),
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
            tls: Encrypt the connection (as a `rediss://` URL does), with certificates of one's own if it is a
                `TLSConfig`.
            identity: Who calls, as histories show it; by default `pid@host`.
            header_codec_behavior: Whether the data converter's codec encodes headers, too; workers of this client do
                the same.
            metric_meter: Where the metrics of workflows and activities go, in workers of this client.
            connect_timeout: How long the connection may take to be made.
            lazy: Has no effect: the connection is made at once, since where a request goes depends on the cluster.
            api_key, retry_config, keep_alive_config, rpc_metadata, runtime, http_connect_proxy_config,
                dns_load_balancing_config, grpc_compression: What `temporalio` configures gRPC by. They have no effect;
                where that would be missed, a warning says what to do.
            plugins: None may be given: their interceptors, converters, workflows and activities are given as such.

        Raises:
            ValueError: not an address.
            RPCError: nothing answers there, or no engine has ever started there.
        """
        address = target_host or os.environ.get("PERDURE_ADDRESS") or DEFAULT_ADDRESS
        refuse_plugins(plugins)
        warn_of_missed({"api_key": api_key, "http_connect_proxy_config": http_connect_proxy_config})
        try:
            async with asyncio.timeout(None if connect_timeout is None else connect_timeout.total_seconds()):
                transport = await open_transport(address, identity=identity, tls=tls or False)
        except TimeoutError:
            raise RPCError(
                f"No connection within the connect_timeout of {connect_timeout}.", RPCStatusCode.UNAVAILABLE
            ) from None
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
    def service_client(self) -> Transport:
        """The same, by the name of `temporalio`: for another client, such as `Client(client.service_client, ...)`."""
        return self._connection.transport

    def config(self, *, active_config: bool = False) -> ClientConfig:
        """The arguments that this client was made of; change some, and make another: `Client(**config)`. The two share
        the connection: closing one closes both.

        Args:
            active_config: Has no effect: nothing changes what a client was given.
        """
        return ClientConfig(
            service_client=self._connection.transport,
            namespace=self.namespace,
            data_converter=self.data_converter,
            interceptors=list(self._interceptors),
            default_workflow_query_reject_condition=self._reject_condition,
            header_codec_behavior=self._header_codec_behavior,
            metric_meter=self._metric_meter,
        )

    @property
    def transport(self) -> Transport:
        """The way to the cluster; for workers."""
        return self._connection.transport

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
    def get_async_activity_handle(self, *, activity_id: str, run_id: str | None = None) -> AsyncActivityHandle: ...
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
        """A handle to complete an activity, or to keep it alive, from anywhere; nothing is asked yet.

        Args:
            workflow_id: The workflow that called it; None: none did.
            run_id: Its run, or that of the activity; None: the open one, or the last.
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
        rpc_metadata: Mapping[str, str | bytes] = {},
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
                rpc_metadata=rpc_metadata,
                rpc_timeout=rpc_timeout,
                limit=limit,
            )
        )

    async def count_workflows(
        self,
        query: str | None = None,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> WorkflowExecutionCount:
        """How many runs match `query` (see `list_workflows`), by group if it ends in `GROUP BY`."""
        return await self._connection.calls.count_workflows(
            CountWorkflowsInput(query=query, rpc_metadata=rpc_metadata, rpc_timeout=rpc_timeout)
        )
