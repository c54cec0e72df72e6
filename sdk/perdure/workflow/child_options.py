"""How a workflow names a child, what it may say about it, and the handle that it gets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from enum import IntEnum
from typing import Any, Generic, NamedTuple, TypedDict, overload

from perdure.common import (
    UNSET,
    Priority,
    RetryPolicy,
    SearchAttributes,
    TypedSearchAttributes,
    WorkflowIDReusePolicy,
    positional_arguments,
)
from perdure.protocol import child_workflow
from perdure.types import (
    MethodSyncOrAsyncNoParam,
    MethodSyncOrAsyncSingleParam,
    ParamType,
    ReturnType,
    SelfType,
)
from perdure.workflow.naming import signal_name


class ParentClosePolicy(IntEnum):
    """What becomes of a child when its parent closes, in whatever way.

    TERMINATE: it is terminated.
    ABANDON: it runs on.
    REQUEST_CANCEL: it is asked to stop.
    """

    UNSPECIFIED = 0
    TERMINATE = child_workflow.ParentClosePolicy.TERMINATE
    ABANDON = child_workflow.ParentClosePolicy.ABANDON
    REQUEST_CANCEL = child_workflow.ParentClosePolicy.REQUEST_CANCEL


class ChildWorkflowCancellationType(IntEnum):
    """What happens to a child that its parent cancels.

    ABANDON: it runs on, and the parent goes on at once.
    TRY_CANCEL: it is asked to stop, and the parent goes on at once.
    WAIT_CANCELLATION_COMPLETED: it is asked to stop, and the parent waits until it has ended.
    WAIT_CANCELLATION_REQUESTED: it is asked to stop, and the parent waits until that has reached it.
    """

    ABANDON = 0
    TRY_CANCEL = 1
    WAIT_CANCELLATION_COMPLETED = 2
    WAIT_CANCELLATION_REQUESTED = 3


class VersioningIntent(IntEnum):
    """Which version of a worker a child is for. Accepted, without effect: Perdure has no version sets."""

    COMPATIBLE = 1
    DEFAULT = 2


class ChildOptions(NamedTuple):
    """All that is said about a child but its arguments."""

    id: str | None
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
    versioning_intent: VersioningIntent | None
    static_summary: str | None
    static_details: str | None
    priority: Priority


class ChildWorkflowConfig(TypedDict, total=False):
    """The options of `start_child_workflow` and `execute_child_workflow`."""

    id: str | None
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
    versioning_intent: VersioningIntent | None
    static_summary: str | None
    static_details: str | None
    priority: Priority


class ChildWorkflowHandle(asyncio.Future[ReturnType], Generic[SelfType, ReturnType]):  # type: ignore[type-var]
    """A child that was started: await it for its result, or `cancel()` it.

    Attributes:
        id: Its workflow id.
        first_execution_run_id: The run id of its first run; None before it is started.
    """

    id: str
    first_execution_run_id: str | None

    @overload
    async def signal(self, signal: MethodSyncOrAsyncNoParam[SelfType, None]) -> None: ...
    @overload
    async def signal(self, signal: MethodSyncOrAsyncSingleParam[SelfType, ParamType, None], arg: ParamType) -> None: ...
    @overload
    async def signal(self, signal: Callable[..., Awaitable[None] | None], *, args: Sequence[Any]) -> None: ...
    @overload
    async def signal(self, signal: str, arg: Any = ..., *, args: Sequence[Any] = []) -> None: ...
    async def signal(self, signal: str | Callable[..., Any], arg: Any = UNSET, *, args: Sequence[Any] = []) -> None:
        """Signal the child, in whichever run it is by now. Returns when it has the signal.

        Raises:
            ApplicationError: it has closed already.
        """
        await self._signal(signal_name(signal), positional_arguments(arg, (), args))

    async def _signal(self, name: str, arguments: Sequence[Any]) -> None:
        """Carry a signal out: who makes handles says how."""
        raise TypeError("a handle of a child workflow comes from workflow.start_child_workflow")
