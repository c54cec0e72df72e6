"""What a client interceptor is given about activities that are completed from outside: one dataclass a call (see
`inputs`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any


@dataclass(frozen=True)
class AsyncActivityIDReference:
    """An activity by ids: of a workflow, or (`workflow_id` None) without one. Without a run id: of the open run, or the
    last execution."""

    workflow_id: str | None
    run_id: str | None
    activity_id: str


@dataclass
class HeartbeatAsyncActivityInput:
    """Of `OutboundInterceptor.heartbeat_async_activity`."""

    id_or_token: AsyncActivityIDReference | bytes
    details: Sequence[Any]
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class CompleteAsyncActivityInput:
    """Of `OutboundInterceptor.complete_async_activity`. `result` is `perdure.common.UNSET` if none was given."""

    id_or_token: AsyncActivityIDReference | bytes
    result: Any
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class FailAsyncActivityInput:
    """Of `OutboundInterceptor.fail_async_activity`."""

    id_or_token: AsyncActivityIDReference | bytes
    error: Exception
    last_heartbeat_details: Sequence[Any]
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class ReportCancellationAsyncActivityInput:
    """Of `OutboundInterceptor.report_cancellation_async_activity`."""

    id_or_token: AsyncActivityIDReference | bytes
    details: Sequence[Any]
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)
