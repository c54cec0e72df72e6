"""How a workflow names an activity, and what it may say about how it is run."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from enum import IntEnum
from typing import Any, TypedDict

from perdure.activity.definition import ActivityDefinition
from perdure.common import Priority, RetryPolicy
from perdure.types import ReturnType


class ActivityCancellationType(IntEnum):
    """What happens to an activity that its workflow cancels.

    TRY_CANCEL: it is asked to stop, and the workflow goes on at once.
    WAIT_CANCELLATION_COMPLETED: it is asked to stop, and the workflow waits until it has.
    ABANDON: it runs on, and the workflow goes on at once.
    """

    TRY_CANCEL = 0
    WAIT_CANCELLATION_COMPLETED = 1
    ABANDON = 2


class ActivityConfig(TypedDict, total=False):
    """The options of `start_activity` and `execute_activity`."""

    task_queue: str | None
    schedule_to_close_timeout: timedelta | None
    schedule_to_start_timeout: timedelta | None
    start_to_close_timeout: timedelta | None
    heartbeat_timeout: timedelta | None
    retry_policy: RetryPolicy | None
    cancellation_type: ActivityCancellationType
    activity_id: str | None
    summary: str | None
    priority: Priority


class LocalActivityConfig(TypedDict, total=False):
    """The options of `start_local_activity` and `execute_local_activity`."""

    schedule_to_close_timeout: timedelta | None
    schedule_to_start_timeout: timedelta | None
    start_to_close_timeout: timedelta | None
    retry_policy: RetryPolicy | None
    local_retry_threshold: timedelta | None
    cancellation_type: ActivityCancellationType
    activity_id: str | None
    summary: str | None


class ActivityHandle(asyncio.Future[ReturnType]):  # type: ignore[type-var]  # covariant, as users expect of a handle
    """An activity that was started: await it, or `cancel()` it."""


def activity_type_of(activity: Any) -> tuple[str, Any]:
    """Name and result type of what a workflow names as an activity: a function, a method, a class, or a name.

    Raises:
        TypeError: none of these.
    """
    if isinstance(activity, str):
        return activity, None
    definition = ActivityDefinition.of(activity)
    if definition is None:
        raise TypeError(
            f"{getattr(activity, '__qualname__', activity)!r} is not an activity: decorate it with @activity.defn, or "
            "give the name of one"
        )
    if definition.name is None:
        raise ValueError("a dynamic activity has no name of its own; call it by the name that you want it to see")
    return definition.name, definition.result_type
