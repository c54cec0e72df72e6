"""Local activities that are functions: `start_local_activity` and `execute_local_activity`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVarTuple, Unpack, overload

from perdure.common import UNSET, RetryPolicy, positional_arguments
from perdure.types import (
    CallableAsyncNoParam,
    CallableAsyncSingleParam,
    CallableSyncNoParam,
    CallableSyncSingleParam,
    ParamType,
    ReturnType,
)
from perdure.workflow.activity_options import (
    ActivityCancellationType,
    ActivityHandle,
    LocalActivityConfig,
    activity_type_of,
)
from perdure.workflow.runtime import current

_Ts = TypeVarTuple("_Ts")


@overload
def start_local_activity(
    activity: CallableAsyncNoParam[ReturnType], **options: Unpack[LocalActivityConfig]
) -> ActivityHandle[ReturnType]: ...
@overload
def start_local_activity(
    activity: CallableAsyncSingleParam[ParamType, ReturnType], arg: ParamType, **options: Unpack[LocalActivityConfig]
) -> ActivityHandle[ReturnType]: ...
@overload
def start_local_activity(
    activity: Callable[[*_Ts], Awaitable[ReturnType]], *several: *_Ts, **options: Unpack[LocalActivityConfig]
) -> ActivityHandle[ReturnType]: ...
@overload
def start_local_activity(
    activity: Callable[..., Awaitable[ReturnType]], *, args: Sequence[Any], **options: Unpack[LocalActivityConfig]
) -> ActivityHandle[ReturnType]: ...
@overload
def start_local_activity(
    activity: CallableSyncNoParam[ReturnType], **options: Unpack[LocalActivityConfig]
) -> ActivityHandle[ReturnType]: ...
@overload
def start_local_activity(
    activity: CallableSyncSingleParam[ParamType, ReturnType], arg: ParamType, **options: Unpack[LocalActivityConfig]
) -> ActivityHandle[ReturnType]: ...
@overload
def start_local_activity(
    activity: Callable[[*_Ts], ReturnType], *several: *_Ts, **options: Unpack[LocalActivityConfig]
) -> ActivityHandle[ReturnType]: ...
@overload
def start_local_activity(
    activity: Callable[..., ReturnType], *, args: Sequence[Any], **options: Unpack[LocalActivityConfig]
) -> ActivityHandle[ReturnType]: ...
@overload
def start_local_activity(
    activity: str,
    arg: Any = ...,
    *more: Any,
    args: Sequence[Any] = [],
    result_type: type[ReturnType],
    **options: Unpack[LocalActivityConfig],
) -> ActivityHandle[ReturnType]: ...
@overload
def start_local_activity(
    activity: str, arg: Any = ..., *more: Any, args: Sequence[Any] = [], **options: Unpack[LocalActivityConfig]
) -> ActivityHandle[Any]: ...
def start_local_activity(  # type: ignore[misc]  # mypy does not see that `arg, *more` takes `*several`
    activity: Any,
    arg: Any = UNSET,
    *more: Any,
    args: Sequence[Any] = [],
    result_type: type | None = None,
    schedule_to_close_timeout: timedelta | None = None,
    schedule_to_start_timeout: timedelta | None = None,
    start_to_close_timeout: timedelta | None = None,
    retry_policy: RetryPolicy | None = None,
    local_retry_threshold: timedelta | None = None,
    cancellation_type: ActivityCancellationType = ActivityCancellationType.TRY_CANCEL,
    activity_id: str | None = None,
    summary: str | None = None,
) -> ActivityHandle[Any]:
    """Start a local activity and return its handle, which can be awaited and cancelled.

    It runs in the worker that holds the workflow, without a task of its own: for what is short, and may run once more
    when that worker is lost. The workflow task waits for it; when that takes long, what is known so far is kept in the
    history, and another workflow task follows.

    Args:
        activity: The activity's function, or its name. The worker must have it.
        arg: Its first argument, if any.
        more: Its further arguments.
        args: All its arguments, in place of `arg` and `more`.
        result_type: What to decode the result to, if `activity` is a name.
        schedule_to_close_timeout: Bounds the whole, with all attempts. This or `start_to_close_timeout` is required.
        schedule_to_start_timeout: Bounds the waiting for room in the worker.
        start_to_close_timeout: Bounds each attempt.
        retry_policy: How it is tried again; by default without limit.
        local_retry_threshold: The worker waits so long at most before another attempt; for longer waits, the workflow
            waits, by a timer. By default the timeout of a workflow task.
        cancellation_type: What happens when it is cancelled.
        activity_id: An id of your own.
        summary: Accepted; a local activity has no event of its own that could show it.

    Raises (from the handle):
        ActivityError: it failed; the cause says why.
    """
    activity_type, own_result_type = activity_type_of(activity)
    return current().start_local_activity(
        activity_type,
        positional_arguments(arg, more, args),
        result_type or own_result_type,
        False,
        schedule_to_close_timeout,
        schedule_to_start_timeout,
        start_to_close_timeout,
        retry_policy,
        local_retry_threshold,
        cancellation_type,
        activity_id,
        summary,
    )


@overload
async def execute_local_activity(
    activity: CallableAsyncNoParam[ReturnType], **options: Unpack[LocalActivityConfig]
) -> ReturnType: ...
@overload
async def execute_local_activity(
    activity: CallableAsyncSingleParam[ParamType, ReturnType], arg: ParamType, **options: Unpack[LocalActivityConfig]
) -> ReturnType: ...
@overload
async def execute_local_activity(
    activity: Callable[[*_Ts], Awaitable[ReturnType]], *several: *_Ts, **options: Unpack[LocalActivityConfig]
) -> ReturnType: ...
@overload
async def execute_local_activity(
    activity: Callable[..., Awaitable[ReturnType]], *, args: Sequence[Any], **options: Unpack[LocalActivityConfig]
) -> ReturnType: ...
@overload
async def execute_local_activity(
    activity: CallableSyncNoParam[ReturnType], **options: Unpack[LocalActivityConfig]
) -> ReturnType: ...
@overload
async def execute_local_activity(
    activity: CallableSyncSingleParam[ParamType, ReturnType], arg: ParamType, **options: Unpack[LocalActivityConfig]
) -> ReturnType: ...
@overload
async def execute_local_activity(
    activity: Callable[[*_Ts], ReturnType], *several: *_Ts, **options: Unpack[LocalActivityConfig]
) -> ReturnType: ...
@overload
async def execute_local_activity(
    activity: Callable[..., ReturnType], *, args: Sequence[Any], **options: Unpack[LocalActivityConfig]
) -> ReturnType: ...
@overload
async def execute_local_activity(
    activity: str,
    arg: Any = ...,
    *more: Any,
    args: Sequence[Any] = [],
    result_type: type[ReturnType],
    **options: Unpack[LocalActivityConfig],
) -> ReturnType: ...
@overload
async def execute_local_activity(
    activity: str, arg: Any = ..., *more: Any, args: Sequence[Any] = [], **options: Unpack[LocalActivityConfig]
) -> Any: ...
async def execute_local_activity(  # type: ignore[misc]  # mypy does not see that `arg, *more` takes `*several`
    activity: Any,
    arg: Any = UNSET,
    *more: Any,
    args: Sequence[Any] = [],
    result_type: type | None = None,
    schedule_to_close_timeout: timedelta | None = None,
    schedule_to_start_timeout: timedelta | None = None,
    start_to_close_timeout: timedelta | None = None,
    retry_policy: RetryPolicy | None = None,
    local_retry_threshold: timedelta | None = None,
    cancellation_type: ActivityCancellationType = ActivityCancellationType.TRY_CANCEL,
    activity_id: str | None = None,
    summary: str | None = None,
) -> Any:
    """Run a local activity and return its result. The arguments are those of `start_local_activity`.

    Raises:
        ActivityError: it failed; the cause says why.
    """
    activity_type, own_result_type = activity_type_of(activity)
    return await current().start_local_activity(
        activity_type,
        positional_arguments(arg, more, args),
        result_type or own_result_type,
        True,
        schedule_to_close_timeout,
        schedule_to_start_timeout,
        start_to_close_timeout,
        retry_policy,
        local_retry_threshold,
        cancellation_type,
        activity_id,
        summary,
    )
