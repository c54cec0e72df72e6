"""What a client is made of, as plain dictionaries: to make another one like it, or to gather options before there is
one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TypedDict

from perdure.client.interceptor import Interceptor
from perdure.common import HeaderCodecBehavior, MetricMeter, QueryRejectCondition
from perdure.connection_options import (
    DnsLoadBalancingConfig,
    GrpcCompression,
    HttpConnectProxyConfig,
    KeepAliveConfig,
    RetryConfig,
    TLSConfig,
)
from perdure.converter import DataConverter
from perdure.runtime import Runtime
from perdure.transport import Transport


class ClientConfig(TypedDict, total=False):
    """Arguments of `Client`, as `Client.config()` gives them."""

    service_client: Transport
    namespace: str
    data_converter: DataConverter
    interceptors: Sequence[Interceptor]
    default_workflow_query_reject_condition: QueryRejectCondition | None
    header_codec_behavior: HeaderCodecBehavior
    metric_meter: MetricMeter


class ClientConnectConfig(TypedDict, total=False):
    """Arguments of `Client.connect`."""

    target_host: str
    namespace: str
    api_key: str | None
    data_converter: DataConverter
    interceptors: Sequence[Interceptor]
    plugins: Sequence[object]
    default_workflow_query_reject_condition: QueryRejectCondition | None
    tls: bool | TLSConfig | None
    retry_config: RetryConfig | None
    keep_alive_config: KeepAliveConfig | None
    connect_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes]
    identity: str | None
    lazy: bool
    runtime: Runtime | None
    http_connect_proxy_config: HttpConnectProxyConfig | None
    dns_load_balancing_config: DnsLoadBalancingConfig | None
    grpc_compression: GrpcCompression
    header_codec_behavior: HeaderCodecBehavior
    metric_meter: MetricMeter
