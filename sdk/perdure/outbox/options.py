"""The options of a start in a transaction: those of a client's, but for what is about waiting for an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Required, TypedDict

from perdure.common import (
    ActivityIDConflictPolicy,
    ActivityIDReusePolicy,
    Priority,
    RetryPolicy,
    SearchAttributes,
    TypedSearchAttributes,
    VersioningOverride,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)


class OutboxWorkflowOptions(TypedDict, total=False):
    """Of `Outbox.start_workflow`."""

    args: Sequence[Any]
    id: Required[str]
    task_queue: Required[str]
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
    start_signal: str | None
    start_signal_args: Sequence[Any]
    static_summary: str | None
    static_details: str | None
    priority: Priority
    versioning_override: VersioningOverride | None


class OutboxActivityOptions(TypedDict, total=False):
    """Of `Outbox.start_activity`."""

    args: Sequence[Any]
    id: Required[str]
    task_queue: Required[str]
    schedule_to_close_timeout: timedelta | None
    schedule_to_start_timeout: timedelta | None
    start_to_close_timeout: timedelta | None
    heartbeat_timeout: timedelta | None
    id_reuse_policy: ActivityIDReusePolicy
    id_conflict_policy: ActivityIDConflictPolicy
    retry_policy: RetryPolicy | None
    search_attributes: TypedSearchAttributes | None
    summary: str | None
    priority: Priority
    start_delay: timedelta | None
