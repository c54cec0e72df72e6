"""What a client interceptor is given about activities without a workflow: one dataclass a call (see `inputs`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from perdure.common import (
    ActivityIDConflictPolicy,
    ActivityIDReusePolicy,
    Payload,
    Priority,
    RetryPolicy,
    TypedSearchAttributes,
)
from perdure.deduplication import Deduplication


@dataclass
class StartActivityInput:
    """Of `OutboundInterceptor.start_activity`. Perdure's own: `is_new_id` (the id was made for this start, and no other
    one has it), `soft_timeout` (after which an attempt is asked to end), `result_ttl` (how long it is kept),
    `deduplication` (how it is to run once)."""

    activity_type: str
    args: Sequence[Any]
    id: str
    task_queue: str
    result_type: type | None
    schedule_to_close_timeout: timedelta | None
    start_to_close_timeout: timedelta | None
    schedule_to_start_timeout: timedelta | None
    heartbeat_timeout: timedelta | None
    id_reuse_policy: ActivityIDReusePolicy
    id_conflict_policy: ActivityIDConflictPolicy
    retry_policy: RetryPolicy | None
    priority: Priority
    search_attributes: TypedSearchAttributes | None
    summary: str | None
    start_delay: timedelta | None
    headers: Mapping[str, Payload]
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)
    is_new_id: bool = False
    soft_timeout: timedelta | None = None
    result_ttl: timedelta | None = None
    deduplication: Deduplication | None = None


@dataclass
class CancelActivityInput:
    """Of `OutboundInterceptor.cancel_activity`."""

    activity_id: str
    activity_run_id: str | None
    reason: str | None
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class TerminateActivityInput:
    """Of `OutboundInterceptor.terminate_activity`."""

    activity_id: str
    activity_run_id: str | None
    reason: str | None
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class DescribeActivityInput:
    """Of `OutboundInterceptor.describe_activity`."""

    activity_id: str
    activity_run_id: str | None
    include_input: bool
    include_outcome: bool
    include_heartbeat_details: bool
    include_last_failure: bool
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class ListActivitiesInput:
    """Of `OutboundInterceptor.list_activities`."""

    query: str | None
    page_size: int
    next_page_token: bytes | None
    rpc_timeout: timedelta | None
    limit: int | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class CountActivitiesInput:
    """Of `OutboundInterceptor.count_activities`."""

    query: str | None
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)
