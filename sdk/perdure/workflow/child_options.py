"""How a workflow names a child, what it may say about it, and the handle that it gets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from enum import IntEnum
from typing import Any, Generic, NamedTuple, TypedDict

from perdure.common import Payload, RetryPolicy, WorkflowIDReusePolicy
from perdure.protocol import child_workflow
from perdure.types import ReturnType, SelfType
from perdure.workflow.definition import WorkflowDefinition


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


class ChildOptions(NamedTuple):
    """All that is said about a child but its arguments."""

    id: str | None
    task_queue: str | None
    parent_close_policy: int
    execution_timeout: timedelta | None
    run_timeout: timedelta | None
    task_timeout: timedelta | None
    id_reuse_policy: int
    retry_policy: RetryPolicy | None
    memo: Mapping[str, Any] | None
    headers: Mapping[str, Payload] = {}


class ChildWorkflowConfig(TypedDict, total=False):
    """The options of `start_child_workflow` and `execute_child_workflow`."""

    id: str | None
    task_queue: str | None
    parent_close_policy: ParentClosePolicy
    execution_timeout: timedelta | None
    run_timeout: timedelta | None
    task_timeout: timedelta | None
    id_reuse_policy: WorkflowIDReusePolicy
    retry_policy: RetryPolicy | None
    memo: Mapping[str, Any] | None


class ChildWorkflowHandle(asyncio.Future[ReturnType], Generic[SelfType, ReturnType]):  # type: ignore[type-var]
    """A child that was started: await it for its result, or `cancel()` it.

    Attributes:
        id: Its workflow id.
        first_execution_run_id: The run id of its first run; None before it is started.
    """

    id: str
    first_execution_run_id: str | None


def child_type_of(workflow: Any) -> tuple[str, Any]:
    """Name and result type of what a workflow names as its child: a run method, a class, a function, or a name.

    Raises:
        TypeError: none of these.
    """
    if isinstance(workflow, str):
        return workflow, None
    definition = WorkflowDefinition.of(workflow)
    if definition is None:
        raise TypeError(
            f"{getattr(workflow, '__qualname__', workflow)!r} is not a workflow: decorate it with @workflow.defn, and "
            "give its run method, its function or its name"
        )
    return definition.name, definition.result_type
