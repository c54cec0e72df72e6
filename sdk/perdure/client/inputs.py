"""What a client interceptor is given: one dataclass a call. Each may be changed, or replaced, on its way.

Rules: names and fields are those of `temporalio`. `rpc_metadata` reaches interceptors and nobody else.
Fields are given by name, so that a later version may have more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from perdure.client.history import WorkflowHistoryEventFilterType
from perdure.client.updates import WorkflowUpdateStage
from perdure.common import (
    Payload,
    Priority,
    QueryRejectCondition,
    RetryPolicy,
    SearchAttributes,
    TypedSearchAttributes,
    VersioningOverride,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)


@dataclass
class StartWorkflowInput:
    """Of `OutboundInterceptor.start_workflow`."""

    workflow: str
    args: Sequence[Any]
    id: str
    task_queue: str
    execution_timeout: timedelta | None
    run_timeout: timedelta | None
    task_timeout: timedelta | None
    id_reuse_policy: WorkflowIDReusePolicy
    id_conflict_policy: WorkflowIDConflictPolicy
    retry_policy: RetryPolicy | None
    cron_schedule: str
    memo: Mapping[str, Any] | None
    search_attributes: TypedSearchAttributes | SearchAttributes | None
    start_delay: timedelta | None
    headers: Mapping[str, Payload]
    ret_type: type | None
    rpc_timeout: timedelta | None
    start_signal: str | None = None
    start_signal_args: Sequence[Any] = ()
    static_summary: str | None = None
    static_details: str | None = None
    priority: Priority = Priority.default
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)
    request_eager_start: bool = False
    versioning_override: VersioningOverride | None = None


@dataclass
class CancelWorkflowInput:
    """Of `OutboundInterceptor.cancel_workflow`."""

    id: str
    run_id: str | None
    first_execution_run_id: str | None
    reason: str
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class DescribeWorkflowInput:
    """Of `OutboundInterceptor.describe_workflow`."""

    id: str
    run_id: str | None
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class FetchWorkflowHistoryEventsInput:
    """Of `OutboundInterceptor.fetch_workflow_history_events`. `include_annotations` is Perdure's own: failed attempts,
    for example."""

    id: str
    run_id: str | None
    next_page_token: bytes | None
    event_filter_type: WorkflowHistoryEventFilterType
    rpc_timeout: timedelta | None
    include_annotations: bool = False
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class ListWorkflowsInput:
    """Of `OutboundInterceptor.list_workflows`."""

    query: str | None
    page_size: int
    next_page_token: bytes | None
    rpc_timeout: timedelta | None
    limit: int | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class CountWorkflowsInput:
    """Of `OutboundInterceptor.count_workflows`."""

    query: str | None
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class QueryWorkflowInput:
    """Of `OutboundInterceptor.query_workflow`."""

    id: str
    run_id: str | None
    query: str
    args: Sequence[Any]
    reject_condition: QueryRejectCondition | None
    headers: Mapping[str, Payload]
    ret_type: type | None
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class SignalWorkflowInput:
    """Of `OutboundInterceptor.signal_workflow`."""

    id: str
    run_id: str | None
    signal: str
    args: Sequence[Any]
    headers: Mapping[str, Payload]
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class TerminateWorkflowInput:
    """Of `OutboundInterceptor.terminate_workflow`."""

    id: str
    run_id: str | None
    first_execution_run_id: str | None
    args: Sequence[Any]
    reason: str | None
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class StartWorkflowUpdateInput:
    """Of `OutboundInterceptor.start_workflow_update`."""

    id: str
    run_id: str | None
    first_execution_run_id: str | None
    update_id: str | None
    update: str
    args: Sequence[Any]
    wait_for_stage: WorkflowUpdateStage
    headers: Mapping[str, Payload]
    ret_type: type | None
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class UpdateWithStartUpdateWorkflowInput:
    """The update in a `StartWorkflowUpdateWithStartInput`."""

    update_id: str | None
    update: str
    args: Sequence[Any]
    wait_for_stage: WorkflowUpdateStage
    headers: Mapping[str, Payload]
    ret_type: type | None


@dataclass
class UpdateWithStartStartWorkflowInput:
    """The start in a `StartWorkflowUpdateWithStartInput`."""

    workflow: str
    args: Sequence[Any]
    id: str
    task_queue: str
    execution_timeout: timedelta | None
    run_timeout: timedelta | None
    task_timeout: timedelta | None
    id_reuse_policy: WorkflowIDReusePolicy
    id_conflict_policy: WorkflowIDConflictPolicy
    retry_policy: RetryPolicy | None
    cron_schedule: str
    memo: Mapping[str, Any] | None
    search_attributes: TypedSearchAttributes | SearchAttributes | None
    start_delay: timedelta | None
    headers: Mapping[str, Payload]
    ret_type: type | None
    static_summary: str | None = None
    static_details: str | None = None
    priority: Priority = Priority.default
    versioning_override: VersioningOverride | None = None


@dataclass
class StartWorkflowUpdateWithStartInput:
    """Of `OutboundInterceptor.start_update_with_start_workflow`. `_on_start` is told the run that got the update."""

    start_workflow_input: UpdateWithStartStartWorkflowInput
    update_workflow_input: UpdateWithStartUpdateWorkflowInput
    rpc_timeout: timedelta | None
    _on_start: Callable[[str], None]
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)
