"""Activities that are functions: `start_activity` and `execute_activity`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVarTuple, Unpack, overload

from perdure.common import UNSET, Priority, RetryPolicy, positional_arguments
from perdure.types import (
    CallableAsyncNoParam,
    CallableAsyncSingleParam,
    CallableSyncNoParam,
    CallableSyncSingleParam,
    ParamType,
    ReturnType,
)
from perdure.workflow.activity_options import ActivityCancellationType, ActivityConfig, ActivityHandle, activity_type_of
from perdure.workflow.runtime import current

_Ts = TypeVarTuple("_Ts")


@overload
def start_activity(
    activity: CallableAsyncNoParam[ReturnType], **options: Unpack[ActivityConfig]
) -> ActivityHandle[ReturnType]: ...
@overload
def start_activity(
    activity: CallableAsyncSingleParam[ParamType, ReturnType], arg: ParamType, **options: Unpack[ActivityConfig]
) -> ActivityHandle[ReturnType]: ...
@overload
def start_activity(
    activity: Callable[[*_Ts], Awaitable[ReturnType]], *several: *_Ts, **options: Unpack[ActivityConfig]
) -> ActivityHandle[ReturnType]: ...
@overload
def start_activity(
    activity: Callable[..., Awaitable[ReturnType]], *, args: Sequence[Any], **options: Unpack[ActivityConfig]
) -> ActivityHandle[ReturnType]: ...
@overload
def start_activity(
    activity: CallableSyncNoParam[ReturnType], **options: Unpack[ActivityConfig]
) -> ActivityHandle[ReturnType]: ...
@overload
def start_activity(
    activity: CallableSyncSingleParam[ParamType, ReturnType], arg: ParamType, **options: Unpack[ActivityConfig]
) -> ActivityHandle[ReturnType]: ...
@overload
def start_activity(
    activity: Callable[[*_Ts], ReturnType], *several: *_Ts, **options: Unpack[ActivityConfig]
) -> ActivityHandle[ReturnType]: ...
@overload
def start_activity(
    activity: Callable[..., ReturnType], *, args: Sequence[Any], **options: Unpack[ActivityConfig]
) -> ActivityHandle[ReturnType]: ...
@overload
def start_activity(
    activity: str,
    arg: Any = ...,
    *more: Any,
    args: Sequence[Any] = [],
    result_type: type[ReturnType],
    **options: Unpack[ActivityConfig],
) -> ActivityHandle[ReturnType]: ...
@overload
def start_activity(
    activity: str, arg: Any = ..., *more: Any, args: Sequence[Any] = [], **options: Unpack[ActivityConfig]
) -> ActivityHandle[Any]: ...
def start_activity(  # type: ignore[misc]  # mypy does not see that `arg, *more` takes `*several`
    activity: Any,
    arg: Any = UNSET,
    *more: Any,
    args: Sequence[Any] = [],
    task_queue: str | None = None,
    result_type: type | None = None,
    schedule_to_close_timeout: timedelta | None = None,
    schedule_to_start_timeout: timedelta | None = None,
    start_to_close_timeout: timedelta | None = None,
    heartbeat_timeout: timedelta | None = None,
    retry_policy: RetryPolicy | None = None,
    cancellation_type: ActivityCancellationType = ActivityCancellationType.TRY_CANCEL,
    activity_id: str | None = None,
    summary: str | None = None,
    priority: Priority = Priority.default,
) -> ActivityHandle[Any]:
    """Start an activity and return its handle, which can be awaited and cancelled.

    Args:
        activity: The activity's function, or its name.
        arg: Its first argument, if any.
        more: Its further arguments.
        args: All its arguments, in place of `arg` and `more`.
        task_queue: Where it runs; on the workflow's own task queue if not given.
        result_type: What to decode the result to, if `activity` is a name.
        schedule_to_close_timeout: Bounds the whole, with all attempts. This or `start_to_close_timeout` is required.
        schedule_to_start_timeout: Bounds the waiting for a worker.
        start_to_close_timeout: Bounds each attempt.
        heartbeat_timeout: Longest silence of an attempt that heartbeats.
        retry_policy: How it is tried again; by default without limit.
        cancellation_type: What happens when it is cancelled.
        activity_id: An id of your own, unique among the pending activities of the workflow.
        summary: One line about it, for those who look at the history.
        priority: Who goes first when tasks wait.

    Raises (from the handle):
        ActivityError: it failed; the cause says why.
    """
    activity_type, own_result_type = activity_type_of(activity)
    return current().start_activity(
        activity_type,
        positional_arguments(arg, more, args),
        result_type or own_result_type,
        False,
        task_queue,
        schedule_to_close_timeout,
        schedule_to_start_timeout,
        start_to_close_timeout,
        heartbeat_timeout,
        retry_policy,
        cancellation_type,
        activity_id,
        summary,
        priority,
    )


@overload
async def execute_activity(
    activity: CallableAsyncNoParam[ReturnType], **options: Unpack[ActivityConfig]
) -> ReturnType: ...
@overload
async def execute_activity(
    activity: CallableAsyncSingleParam[ParamType, ReturnType], arg: ParamType, **options: Unpack[ActivityConfig]
) -> ReturnType: ...
@overload
async def execute_activity(
    activity: Callable[[*_Ts], Awaitable[ReturnType]], *several: *_Ts, **options: Unpack[ActivityConfig]
) -> ReturnType: ...
@overload
async def execute_activity(
    activity: Callable[..., Awaitable[ReturnType]], *, args: Sequence[Any], **options: Unpack[ActivityConfig]
) -> ReturnType: ...
@overload
async def execute_activity(
    activity: CallableSyncNoParam[ReturnType], **options: Unpack[ActivityConfig]
) -> ReturnType: ...
@overload
async def execute_activity(
    activity: CallableSyncSingleParam[ParamType, ReturnType], arg: ParamType, **options: Unpack[ActivityConfig]
) -> ReturnType: ...
@overload
async def execute_activity(
    activity: Callable[[*_Ts], ReturnType], *several: *_Ts, **options: Unpack[ActivityConfig]
) -> ReturnType: ...
@overload
async def execute_activity(
    activity: Callable[..., ReturnType], *, args: Sequence[Any], **options: Unpack[ActivityConfig]
) -> ReturnType: ...
@overload
async def execute_activity(
    activity: str,
    arg: Any = ...,
    *more: Any,
    args: Sequence[Any] = [],
    result_type: type[ReturnType],
    **options: Unpack[ActivityConfig],
) -> ReturnType: ...
@overload
async def execute_activity(
    activity: str, arg: Any = ..., *more: Any, args: Sequence[Any] = [], **options: Unpack[ActivityConfig]
) -> Any: ...
async def execute_activity(  # type: ignore[misc]  # mypy does not see that `arg, *more` takes `*several`
    activity: Any,
    arg: Any = UNSET,
    *more: Any,
    args: Sequence[Any] = [],
    task_queue: str | None = None,
    result_type: type | None = None,
    schedule_to_close_timeout: timedelta | None = None,
    schedule_to_start_timeout: timedelta | None = None,
    start_to_close_timeout: timedelta | None = None,
    heartbeat_timeout: timedelta | None = None,
    retry_policy: RetryPolicy | None = None,
    cancellation_type: ActivityCancellationType = ActivityCancellationType.TRY_CANCEL,
    activity_id: str | None = None,
    summary: str | None = None,
    priority: Priority = Priority.default,
) -> Any:
    """Run an activity and return its result. The arguments are those of `start_activity`.

    Raises:
        ActivityError: it failed; the cause says why.
    """
    activity_type, own_result_type = activity_type_of(activity)
    return await current().start_activity(
        activity_type,
        positional_arguments(arg, more, args),
        result_type or own_result_type,
        True,
        task_queue,
        schedule_to_close_timeout,
        schedule_to_start_timeout,
        start_to_close_timeout,
        heartbeat_timeout,
        retry_policy,
        cancellation_type,
        activity_id,
        summary,
        priority,
    )
