"""What the functions of `perdure.workflow` ask of the workflow that they are called in.

The event loop of a workflow says here, by thread, that it runs. asyncio could be asked for the running loop, but
that asks the operating system for the process each time (measured: 0.8 us instead of 0.1, for every call).
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from perdure.common import (
    Payload,
    Priority,
    RetryPolicy,
    SearchAttributes,
    SearchAttributeUpdate,
    TypedSearchAttributes,
)
from perdure.converter import DataConverter, PayloadConverter
from perdure.metrics import MetricMeter
from perdure.protocol.events import WorkflowExecutionStarted
from perdure.versioning import WorkerDeploymentVersion
from perdure.workflow.activity_options import ActivityHandle
from perdure.workflow.child_options import ChildOptions, ChildWorkflowHandle
from perdure.workflow.errors import NotInWorkflowError
from perdure.workflow.handlers import QueryDefinition, SignalDefinition
from perdure.workflow.information import Info
from perdure.workflow.update_handlers import UpdateDefinition

if TYPE_CHECKING:
    from perdure.workflow.continuation import ContinueAsNewInput


class Handlers(Protocol):
    """The handlers of one workflow."""

    @property
    def running(self) -> int: ...
    def signal(self, name: str | None) -> SignalDefinition | None: ...
    def query(self, name: str | None) -> QueryDefinition | None: ...
    def bound(self, definition: SignalDefinition | QueryDefinition) -> Callable[..., Any]: ...
    def set_signal(self, name: str | None, handler: Callable[..., Any] | None) -> None: ...
    def set_query(self, name: str | None, handler: Callable[..., Any] | None) -> None: ...


class Versions(Protocol):
    """Which code one run takes."""

    def patched(self, patch_id: str, *, deprecated: bool) -> bool: ...
    def get_version(self, change_id: str, min_supported: int, max_supported: int) -> int: ...


class Properties(Protocol):
    """The memo and the search attributes of one workflow."""

    def search_attributes(self) -> TypedSearchAttributes: ...
    def upsert_memo(self, updates: Mapping[str, Any]) -> None: ...
    def upsert_search_attributes(self, updates: Sequence[SearchAttributeUpdate[Any]] | SearchAttributes) -> None: ...


class Children(Protocol):
    """The children of one run."""

    async def start(
        self, workflow_type: str, arguments: Sequence[Any], result_type: Any, options: ChildOptions
    ) -> ChildWorkflowHandle[Any, Any]: ...
    async def execute(
        self, workflow_type: str, arguments: Sequence[Any], result_type: Any, options: ChildOptions
    ) -> Any: ...


class Externals(Protocol):
    """What one run sends to others."""

    async def signal(self, workflow_id: str, run_id: str | None, name: str, arguments: Sequence[Any]) -> None: ...
    async def cancel(self, workflow_id: str, run_id: str | None, reason: str) -> None: ...


class Updates(Protocol):
    """The update handlers of one workflow."""

    @property
    def running(self) -> int: ...
    def update(self, name: str | None) -> UpdateDefinition | None: ...
    def bound(self, definition: UpdateDefinition) -> Callable[..., Any]: ...
    def set_update(
        self, name: str | None, handler: Callable[..., Any] | None, validator: Callable[..., Any] | None
    ) -> None: ...


class Runtime(Protocol):
    """One workflow, seen from inside."""

    replaying: bool
    read_only: bool
    history_length: int
    history_size: int
    version: WorkerDeploymentVersion | None
    cancellation_reason: str | None
    current_details: str

    @property
    def instance(self) -> Any: ...
    @property
    def handlers(self) -> Handlers: ...
    @property
    def versions(self) -> Versions: ...
    @property
    def properties(self) -> Properties: ...
    @property
    def converter(self) -> DataConverter: ...
    @property
    def children(self) -> Children: ...
    @property
    def externals(self) -> Externals: ...
    @property
    def updates(self) -> Updates: ...
    @property
    def payload_converter(self) -> PayloadConverter: ...
    @property
    def started(self) -> WorkflowExecutionStarted: ...
    @property
    def now_us(self) -> int: ...
    @property
    def random(self) -> random.Random: ...
    @property
    def random_seed(self) -> int: ...

    @property
    def metric_meter(self) -> MetricMeter: ...

    def check_may_act(self) -> None: ...
    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn: ...
    def info(self) -> Info: ...
    def memo(self) -> Mapping[str, Payload]: ...
    def is_failure_exception(self, error: BaseException) -> bool: ...
    def wait_for_condition(self, condition: Callable[[], bool]) -> asyncio.Future[None]: ...
    def start_timer(
        self, seconds: float, callback: Callable[..., Any], args: tuple[Any, ...], context: Any, summary: str
    ) -> asyncio.TimerHandle: ...
    def start_activity(
        self,
        activity_type: str,
        arguments: Sequence[Any],
        result_type: Any,
        awaited_at_once: bool,
        task_queue: str | None,
        schedule_to_close_timeout: timedelta | None,
        schedule_to_start_timeout: timedelta | None,
        start_to_close_timeout: timedelta | None,
        heartbeat_timeout: timedelta | None,
        retry_policy: RetryPolicy | None,
        cancellation_type: int,
        activity_id: str | None,
        summary: str | None,
        priority: Priority,
    ) -> ActivityHandle[Any]: ...
    def start_local_activity(
        self,
        activity_type: str,
        arguments: Sequence[Any],
        result_type: Any,
        awaited_at_once: bool,
        schedule_to_close_timeout: timedelta | None,
        schedule_to_start_timeout: timedelta | None,
        start_to_close_timeout: timedelta | None,
        retry_policy: RetryPolicy | None,
        local_retry_threshold: timedelta | None,
        cancellation_type: int,
        activity_id: str | None,
        summary: str | None,
    ) -> ActivityHandle[Any]: ...


class RunningWorkflow(threading.local):
    """The workflow that runs on this thread. Only its event loop writes this."""

    runtime: Any = None


running = RunningWorkflow()


def current_or_none() -> Runtime | None:
    """The workflow that runs on this thread, if one does."""
    runtime: Runtime | None = running.runtime
    return runtime


def current() -> Runtime:
    """The workflow that runs on this thread.

    Raises:
        NotInWorkflowError: none does.
    """
    runtime: Runtime | None = running.runtime
    if runtime is None:
        raise NotInWorkflowError(
            "this function of perdure.workflow works only inside a workflow; activities and programs use the real thing"
        )
    return runtime
