"""Child workflows: `start_child_workflow` and `execute_child_workflow`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Concatenate, Unpack, overload

from perdure.common import (
    UNSET,
    Priority,
    RetryPolicy,
    SearchAttributes,
    TypedSearchAttributes,
    WorkflowIDReusePolicy,
    positional_arguments,
)
from perdure.types import (
    CallableAsyncNoParam,
    CallableAsyncSingleParam,
    MethodAsyncNoParam,
    MethodAsyncSingleParam,
    MultiParamSpec,
    ParamType,
    ReturnType,
    SelfType,
)
from perdure.workflow.child_options import (
    ChildOptions,
    ChildWorkflowCancellationType,
    ChildWorkflowConfig,
    ChildWorkflowHandle,
    ParentClosePolicy,
    VersioningIntent,
)
from perdure.workflow.naming import workflow_name_and_type
from perdure.workflow.runtime import current


@overload
async def start_child_workflow(
    workflow: MethodAsyncNoParam[SelfType, ReturnType], **options: Unpack[ChildWorkflowConfig]
) -> ChildWorkflowHandle[SelfType, ReturnType]: ...
@overload
async def start_child_workflow(
    workflow: MethodAsyncSingleParam[SelfType, ParamType, ReturnType],
    arg: ParamType,
    **options: Unpack[ChildWorkflowConfig],
) -> ChildWorkflowHandle[SelfType, ReturnType]: ...
@overload
async def start_child_workflow(
    workflow: Callable[Concatenate[SelfType, MultiParamSpec], Awaitable[ReturnType]],
    *,
    args: Sequence[Any],
    **options: Unpack[ChildWorkflowConfig],
) -> ChildWorkflowHandle[SelfType, ReturnType]: ...
@overload
async def start_child_workflow(
    workflow: CallableAsyncNoParam[ReturnType], **options: Unpack[ChildWorkflowConfig]
) -> ChildWorkflowHandle[Any, ReturnType]: ...
@overload
async def start_child_workflow(
    workflow: CallableAsyncSingleParam[ParamType, ReturnType], arg: ParamType, **options: Unpack[ChildWorkflowConfig]
) -> ChildWorkflowHandle[Any, ReturnType]: ...
@overload
async def start_child_workflow(
    workflow: str,
    arg: Any = ...,
    *,
    args: Sequence[Any] = [],
    result_type: type | None = None,
    **options: Unpack[ChildWorkflowConfig],
) -> ChildWorkflowHandle[Any, Any]: ...
async def start_child_workflow(
    workflow: Any,
    arg: Any = UNSET,
    *,
    args: Sequence[Any] = [],
    id: str | None = None,
    task_queue: str | None = None,
    result_type: type | None = None,
    cancellation_type: ChildWorkflowCancellationType = ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    parent_close_policy: ParentClosePolicy = ParentClosePolicy.TERMINATE,
    execution_timeout: timedelta | None = None,
    run_timeout: timedelta | None = None,
    task_timeout: timedelta | None = None,
    id_reuse_policy: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE,
    retry_policy: RetryPolicy | None = None,
    cron_schedule: str = "",
    memo: Mapping[str, Any] | None = None,
    search_attributes: SearchAttributes | TypedSearchAttributes | None = None,
    versioning_intent: VersioningIntent | None = None,
    static_summary: str | None = None,
    static_details: str | None = None,
    priority: Priority = Priority.default,
) -> ChildWorkflowHandle[Any, Any]:
    """Start a child workflow and return its handle once it is started.

    Args:
        workflow: The child's run method, its function, or its name.
        arg: Its only argument, if it has one.
        args: All its arguments, in place of `arg`.
        id: Its workflow id; one that is the same on every replay, if not given.
        task_queue: Where it runs; on the parent's own task queue if not given.
        result_type: What to decode the result to, if `workflow` is a name.
        cancellation_type: What happens when it is cancelled.
        parent_close_policy: What becomes of it when this workflow closes.
        execution_timeout: Bounds it with all that it goes on as.
        run_timeout: Bounds one run of it.
        task_timeout: How long a worker may take for one of its workflow tasks.
        id_reuse_policy: Whether it may start although a closed workflow had its id.
        retry_policy: How it is tried again when it fails; by default not at all.
        cron_schedule: When it runs again after it has ended; its result is that of the last run.
        memo: Notes that lists and descriptions show.
        search_attributes: By what lists find it.
        versioning_intent: Accepted, without effect.
        static_summary: One line about it, for those who look at the history.
        static_details: More of the same.
        priority: Who goes first when tasks wait.

    Raises:
        WorkflowAlreadyStartedError: its id is taken.
    """
    child_type, own_result_type = workflow_name_and_type(workflow)
    options = ChildOptions(
        id, task_queue, cancellation_type, parent_close_policy, execution_timeout, run_timeout, task_timeout,
        id_reuse_policy, retry_policy, cron_schedule, memo, search_attributes, versioning_intent, static_summary,
        static_details, priority,
    )  # fmt: skip
    arguments = positional_arguments(arg, (), args)
    return await current().children.start(child_type, arguments, result_type or own_result_type, options)


@overload
async def execute_child_workflow(
    workflow: MethodAsyncNoParam[SelfType, ReturnType], **options: Unpack[ChildWorkflowConfig]
) -> ReturnType: ...
@overload
async def execute_child_workflow(
    workflow: MethodAsyncSingleParam[SelfType, ParamType, ReturnType],
    arg: ParamType,
    **options: Unpack[ChildWorkflowConfig],
) -> ReturnType: ...
@overload
async def execute_child_workflow(
    workflow: Callable[Concatenate[SelfType, MultiParamSpec], Awaitable[ReturnType]],
    *,
    args: Sequence[Any],
    **options: Unpack[ChildWorkflowConfig],
) -> ReturnType: ...
@overload
async def execute_child_workflow(
    workflow: CallableAsyncNoParam[ReturnType], **options: Unpack[ChildWorkflowConfig]
) -> ReturnType: ...
@overload
async def execute_child_workflow(
    workflow: CallableAsyncSingleParam[ParamType, ReturnType], arg: ParamType, **options: Unpack[ChildWorkflowConfig]
) -> ReturnType: ...
@overload
async def execute_child_workflow(
    workflow: str,
    arg: Any = ...,
    *,
    args: Sequence[Any] = [],
    result_type: type | None = None,
    **options: Unpack[ChildWorkflowConfig],
) -> Any: ...
async def execute_child_workflow(
    workflow: Any,
    arg: Any = UNSET,
    *,
    args: Sequence[Any] = [],
    id: str | None = None,
    task_queue: str | None = None,
    result_type: type | None = None,
    cancellation_type: ChildWorkflowCancellationType = ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    parent_close_policy: ParentClosePolicy = ParentClosePolicy.TERMINATE,
    execution_timeout: timedelta | None = None,
    run_timeout: timedelta | None = None,
    task_timeout: timedelta | None = None,
    id_reuse_policy: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE,
    retry_policy: RetryPolicy | None = None,
    cron_schedule: str = "",
    memo: Mapping[str, Any] | None = None,
    search_attributes: SearchAttributes | TypedSearchAttributes | None = None,
    versioning_intent: VersioningIntent | None = None,
    static_summary: str | None = None,
    static_details: str | None = None,
    priority: Priority = Priority.default,
) -> Any:
    """Run a child workflow and return its result. The arguments are those of `start_child_workflow`.

    Raises:
        ChildWorkflowError: it failed; the cause says why.
        WorkflowAlreadyStartedError: its id is taken.
    """
    child_type, own_result_type = workflow_name_and_type(workflow)
    options = ChildOptions(
        id, task_queue, cancellation_type, parent_close_policy, execution_timeout, run_timeout, task_timeout,
        id_reuse_policy, retry_policy, cron_schedule, memo, search_attributes, versioning_intent, static_summary,
        static_details, priority,
    )  # fmt: skip
    arguments = positional_arguments(arg, (), args)
    return await current().children.execute(child_type, arguments, result_type or own_result_type, options)
