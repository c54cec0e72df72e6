"""Interceptors of workflows: what stands between a workflow's code and its execution, in both directions.

Role: the classes that users extend, and their inputs; names and fields are those of `temporalio`. They run inside the
workflow: what they do must be deterministic, and time, chance and I/O are as they are for workflow code.

To add a call to the chain:
1. its input, a dataclass here (given by name, so that a later version may have more fields);
2. a method of `WorkflowInboundInterceptor` (the engine calls the workflow) or `WorkflowOutboundInterceptor` (the
   workflow calls the engine) that gives it to `self.next`;
3. the same method at the end of the chain (`perdure.execution.interception`), which carries it out;
4. where the call begins, in the instance or its handlers, the way through the chain if there is one, and the direct way
   if not: a workflow without interceptors pays one look at `interception`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

from perdure.common import (
    Payload,
    Priority,
    RetryPolicy,
    SearchAttributes,
    TypedSearchAttributes,
    WorkflowIDReusePolicy,
)
from perdure.workflow.activity_options import ActivityCancellationType, ActivityHandle
from perdure.workflow.child_options import (
    ChildWorkflowCancellationType,
    ChildWorkflowHandle,
    ParentClosePolicy,
    VersioningIntent,
)
from perdure.workflow.continuation import ContinueAsNewInput
from perdure.workflow.information import Info


@dataclass
class ExecuteWorkflowInput:
    """Of `WorkflowInboundInterceptor.execute_workflow`. `run_fn` is not bound: it is called with the workflow's object
    before `args`, if `type` is a class; a workflow that is a function has `type` and `run_fn` the same."""

    type: Any
    run_fn: Callable[..., Awaitable[Any]]
    args: Sequence[Any]
    headers: Mapping[str, Payload]


@dataclass
class HandleSignalInput:
    """Of `WorkflowInboundInterceptor.handle_signal`. `args` are what the handler is called with: for a dynamic one, the
    name and the raw values."""

    signal: str
    args: Sequence[Any]
    headers: Mapping[str, Payload]


@dataclass
class HandleQueryInput:
    """Of `WorkflowInboundInterceptor.handle_query`. `args` as in `HandleSignalInput`."""

    id: str
    query: str
    args: Sequence[Any]
    headers: Mapping[str, Payload]


@dataclass
class HandleUpdateInput:
    """Of `WorkflowInboundInterceptor.handle_update_validator` and `handle_update_handler`; the same object for both.
    `args` as in `HandleSignalInput`."""

    id: str
    update: str
    args: Sequence[Any]
    headers: Mapping[str, Payload]


@dataclass
class StartActivityInput:
    """Of `WorkflowOutboundInterceptor.start_activity`. `awaited_at_once` is Perdure's own: by
    `execute_activity`."""

    activity: str
    args: Sequence[Any]
    activity_id: str | None
    task_queue: str | None
    schedule_to_close_timeout: timedelta | None
    schedule_to_start_timeout: timedelta | None
    start_to_close_timeout: timedelta | None
    heartbeat_timeout: timedelta | None
    retry_policy: RetryPolicy | None
    cancellation_type: ActivityCancellationType
    headers: Mapping[str, Payload]
    summary: str | None
    priority: Priority
    ret_type: type | None
    awaited_at_once: bool = False


@dataclass
class StartChildWorkflowInput:
    """Of `WorkflowOutboundInterceptor.start_child_workflow`. `awaited_at_once` is Perdure's own: by
    `execute_child_workflow`."""

    workflow: str
    args: Sequence[Any]
    id: str
    task_queue: str | None
    cancellation_type: ChildWorkflowCancellationType
    parent_close_policy: ParentClosePolicy
    execution_timeout: timedelta | None
    run_timeout: timedelta | None
    task_timeout: timedelta | None
    id_reuse_policy: WorkflowIDReusePolicy
    retry_policy: RetryPolicy | None
    cron_schedule: str
    memo: Mapping[str, Any] | None
    search_attributes: SearchAttributes | TypedSearchAttributes | None
    headers: Mapping[str, Payload]
    versioning_intent: VersioningIntent | None
    static_summary: str | None
    static_details: str | None
    ret_type: type | None
    priority: Priority
    awaited_at_once: bool = False


@dataclass
class SignalChildWorkflowInput:
    """Of `WorkflowOutboundInterceptor.signal_child_workflow`. `initiated_event_id` is Perdure's own: which child."""

    signal: str
    args: Sequence[Any]
    child_workflow_id: str
    headers: Mapping[str, Payload]
    initiated_event_id: int = 0


@dataclass
class SignalExternalWorkflowInput:
    """Of `WorkflowOutboundInterceptor.signal_external_workflow`."""

    signal: str
    args: Sequence[Any]
    namespace: str
    workflow_id: str
    workflow_run_id: str | None
    headers: Mapping[str, Payload]


@dataclass
class StartLocalActivityInput:
    """Of `WorkflowOutboundInterceptor.start_local_activity`. `awaited_at_once` as in `StartActivityInput`."""

    activity: str
    args: Sequence[Any]
    activity_id: str | None
    schedule_to_close_timeout: timedelta | None
    schedule_to_start_timeout: timedelta | None
    start_to_close_timeout: timedelta | None
    retry_policy: RetryPolicy | None
    local_retry_threshold: timedelta | None
    cancellation_type: ActivityCancellationType
    headers: Mapping[str, Payload]
    summary: str | None
    ret_type: type | None
    awaited_at_once: bool = False


class WorkflowInboundInterceptor:
    """Made once for each run that a worker holds; extend it, and override what is of interest."""

    def __init__(self, next: WorkflowInboundInterceptor) -> None:
        self.next = next

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        """To intercept what the workflow calls, give `self.next.init` an interceptor that stands before `outbound`."""
        self.next.init(outbound)

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        """The workflow's `run`."""
        return await self.next.execute_workflow(input)

    async def handle_signal(self, input: HandleSignalInput) -> None:
        """A signal that has a handler."""
        await self.next.handle_signal(input)

    async def handle_query(self, input: HandleQueryInput) -> Any:
        """A query that has a handler. Must not wait for anything but the next interceptor."""
        return await self.next.handle_query(input)

    def handle_update_validator(self, input: HandleUpdateInput) -> None:
        """The validator of an update that has one, unless the history says that it was accepted. Raises to reject it;
        may only look."""
        self.next.handle_update_validator(input)

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:
        """The handler of an update."""
        return await self.next.handle_update_handler(input)


class WorkflowOutboundInterceptor:
    """Made by `WorkflowInboundInterceptor.init`; extend it, and override what is of interest."""

    def __init__(self, next: WorkflowOutboundInterceptor) -> None:
        self.next = next

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:
        """For each `workflow.continue_as_new`. Ends the run by what the last of the chain raises."""
        self.next.continue_as_new(input)

    def info(self) -> Info:
        """For each `workflow.info()`."""
        return self.next.info()

    def start_activity(self, input: StartActivityInput) -> ActivityHandle[Any]:
        """For each `workflow.start_activity`, `workflow.execute_activity` and their like for methods and classes."""
        return self.next.start_activity(input)

    async def start_child_workflow(self, input: StartChildWorkflowInput) -> ChildWorkflowHandle[Any, Any]:
        """For each `workflow.start_child_workflow` and `workflow.execute_child_workflow`. Returns when it has
        started."""
        return await self.next.start_child_workflow(input)

    async def signal_child_workflow(self, input: SignalChildWorkflowInput) -> None:
        """For each `ChildWorkflowHandle.signal`."""
        await self.next.signal_child_workflow(input)

    async def signal_external_workflow(self, input: SignalExternalWorkflowInput) -> None:
        """For each `ExternalWorkflowHandle.signal`."""
        await self.next.signal_external_workflow(input)

    def start_local_activity(self, input: StartLocalActivityInput) -> ActivityHandle[Any]:
        """For each `workflow.start_local_activity`, `workflow.execute_local_activity` and their like."""
        return self.next.start_local_activity(input)
