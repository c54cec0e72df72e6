"""The options of a start, as all calls share that start a workflow, and the input that they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Required, TypedDict

from perdure.client.inputs import StartWorkflowInput
from perdure.common import (
    Priority,
    RetryPolicy,
    SearchAttributes,
    TypedSearchAttributes,
    VersioningOverride,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
    positional_arguments,
)
from perdure.shared_options import takes_options_of
from perdure.workflow.naming import workflow_name_and_type


class WorkflowOptions(TypedDict, total=False):
    """What every start of a workflow takes beside the workflow and its arguments."""

    id: Required[str]
    task_queue: Required[str]
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


class StartOptions(WorkflowOptions, total=False):
    """What a client's start takes beside the workflow and its one argument, if any."""

    id_conflict_policy: WorkflowIDConflictPolicy
    start_signal: str | None
    start_signal_args: Sequence[Any]
    rpc_metadata: Mapping[str, str | bytes]
    request_eager_start: bool
    rpc_timeout: timedelta | None


class StartOptionsWithArgs(StartOptions, total=False):
    """The same, for a workflow of several parameters."""

    args: Required[Sequence[Any]]


class StartOptionsByName(StartOptions, total=False):
    """The same, for a workflow that is named by text: nothing else says what it takes and returns."""

    args: Sequence[Any]
    result_type: type | None


class WithStartOptions(WorkflowOptions, total=False):
    """What the start of an update with a start takes beside the workflow and its one argument, if any."""

    id_conflict_policy: Required[WorkflowIDConflictPolicy]


class WithStartOptionsWithArgs(WithStartOptions, total=False):
    """The same, for a workflow of several parameters."""

    args: Required[Sequence[Any]]


class WithStartOptionsByName(WithStartOptions, total=False):
    """The same, for a workflow that is named by text."""

    args: Sequence[Any]
    result_type: type | None


def workflow_start(
    workflow: str | Callable[..., Any],
    arg: Any,
    *,
    args: Sequence[Any] = (),
    id: str,
    task_queue: str,
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
    static_summary: str | None = None,
    static_details: str | None = None,
    priority: Priority = Priority.default,
    versioning_override: VersioningOverride | None = None,
) -> StartWorkflowInput:
    """What interceptors are given of a start: the options that every start has.

    Raises:
        TypeError: no workflow, or both `arg` and `args`.
    """
    name, result_type = workflow_name_and_type(workflow)
    return StartWorkflowInput(
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
        ret_type=result_type,
        rpc_timeout=None,
        static_summary=static_summary,
        static_details=static_details,
        priority=priority,
        versioning_override=versioning_override,
    )


@takes_options_of(workflow_start)
def client_start(
    workflow: str | Callable[..., Any],
    arg: Any,
    *,
    result_type: type | None = None,
    start_signal: str | None = None,
    start_signal_args: Sequence[Any] = (),
    rpc_metadata: Mapping[str, str | bytes] = {},
    request_eager_start: bool = False,
    rpc_timeout: timedelta | None = None,
    **options: Any,
) -> StartWorkflowInput:
    """The same, with the options that starts have where somebody waits for the answer."""
    start = workflow_start(workflow, arg, **options)
    start.ret_type = result_type or start.ret_type
    start.start_signal = start_signal
    start.start_signal_args = start_signal_args
    start.rpc_metadata = rpc_metadata
    start.request_eager_start = request_eager_start
    start.rpc_timeout = rpc_timeout
    return start
