"""The options of a start, as `start_workflow` and `execute_workflow` share them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Required, TypedDict

from perdure.common import (
    Priority,
    RetryPolicy,
    SearchAttributes,
    TypedSearchAttributes,
    VersioningOverride,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)


class StartOptions(TypedDict, total=False):
    """What a start takes beside the workflow and its one argument, if any."""

    id: Required[str]
    task_queue: Required[str]
    execution_timeout: timedelta | None
    run_timeout: timedelta | None
    task_timeout: timedelta | None
    id_reuse_policy: WorkflowIDReusePolicy
    id_conflict_policy: WorkflowIDConflictPolicy
    retry_policy: RetryPolicy | None
    memo: Mapping[str, Any] | None
    search_attributes: TypedSearchAttributes | SearchAttributes | None
    start_delay: timedelta | None
    cron_schedule: str
    start_signal: str | None
    start_signal_args: Sequence[Any]
    static_summary: str | None
    static_details: str | None
    priority: Priority
    rpc_metadata: Mapping[str, str | bytes]
    request_eager_start: bool
    rpc_timeout: timedelta | None
    versioning_override: VersioningOverride | None


class StartOptionsWithArgs(StartOptions, total=False):
    """The same, for a workflow of several parameters."""

    args: Required[Sequence[Any]]


class StartOptionsByName(StartOptions, total=False):
    """The same, for a workflow that is named by text: nothing else says what it takes and returns."""

    args: Sequence[Any]
    result_type: type | None


class WithStartOptions(TypedDict, total=False):
    """What the start of an update with a start takes beside the workflow and its one argument, if any."""

    id: Required[str]
    task_queue: Required[str]
    id_conflict_policy: Required[WorkflowIDConflictPolicy]
    execution_timeout: timedelta | None
    run_timeout: timedelta | None
    task_timeout: timedelta | None
    id_reuse_policy: WorkflowIDReusePolicy
    retry_policy: RetryPolicy | None
    cron_schedule: str
    memo: Mapping[str, Any] | None
    search_attributes: TypedSearchAttributes | SearchAttributes | None
    start_delay: timedelta | None
    static_summary: str | None
    static_details: str | None
    priority: Priority
    versioning_override: VersioningOverride | None


class WithStartOptionsWithArgs(WithStartOptions, total=False):
    """The same, for a workflow of several parameters."""

    args: Required[Sequence[Any]]


class WithStartOptionsByName(WithStartOptions, total=False):
    """The same, for a workflow that is named by text."""

    args: Sequence[Any]
    result_type: type | None
