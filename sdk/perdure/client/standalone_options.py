"""The options of a start, as all calls share that start an activity without a workflow, and the input they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Required, TypedDict

from perdure.client.standalone_inputs import StartActivityInput
from perdure.client.standalone_start import activity_name_and_type, check_timeouts
from perdure.common import (
    ActivityIDConflictPolicy,
    ActivityIDReusePolicy,
    Priority,
    RetryPolicy,
    TypedSearchAttributes,
    positional_arguments,
)
from perdure.deduplication import Deduplication
from perdure.shared_options import takes_options_of


class ActivityOptions(TypedDict, total=False):
    """What every start of an activity takes beside the activity and its arguments."""

    id: Required[str]
    task_queue: Required[str]
    schedule_to_close_timeout: timedelta | None
    schedule_to_start_timeout: timedelta | None
    start_to_close_timeout: timedelta | None
    heartbeat_timeout: timedelta | None
    id_reuse_policy: ActivityIDReusePolicy
    id_conflict_policy: ActivityIDConflictPolicy
    retry_policy: RetryPolicy | None
    search_attributes: TypedSearchAttributes | None
    summary: str | None
    priority: Priority
    start_delay: timedelta | None
    deduplication: Deduplication | None


class ActivityStartOptions(ActivityOptions, total=False):
    """What a client's start takes beside the activity and its one argument, if any."""

    rpc_metadata: Mapping[str, str | bytes]
    rpc_timeout: timedelta | None


class ActivityStartOptionsWithArgs(ActivityStartOptions, total=False):
    """The same, for an activity of several parameters."""

    args: Required[Sequence[Any]]


class ActivityStartOptionsByName(ActivityStartOptions, total=False):
    """The same, for an activity that is named by text: nothing else says what it takes and returns."""

    args: Sequence[Any]
    result_type: type | None


def activity_start(
    activity: Any,
    arg: Any,
    *,
    args: Sequence[Any] = (),
    id: str,
    task_queue: str,
    schedule_to_close_timeout: timedelta | None = None,
    schedule_to_start_timeout: timedelta | None = None,
    start_to_close_timeout: timedelta | None = None,
    heartbeat_timeout: timedelta | None = None,
    id_reuse_policy: ActivityIDReusePolicy = ActivityIDReusePolicy.ALLOW_DUPLICATE,
    id_conflict_policy: ActivityIDConflictPolicy = ActivityIDConflictPolicy.FAIL,
    retry_policy: RetryPolicy | None = None,
    search_attributes: TypedSearchAttributes | None = None,
    summary: str | None = None,
    priority: Priority = Priority.default,
    start_delay: timedelta | None = None,
    deduplication: Deduplication | None = None,
) -> StartActivityInput:
    """What interceptors are given of a start: the options that every start has.

    Raises:
        TypeError: no activity, or both `arg` and `args`.
        ValueError: it has no timeout that ends it.
    """
    name, result_type = activity_name_and_type(activity)
    check_timeouts(name, start_to_close_timeout, schedule_to_close_timeout)
    return StartActivityInput(
        activity_type=name,
        args=positional_arguments(arg, (), args),
        id=id,
        task_queue=task_queue,
        result_type=result_type,
        schedule_to_close_timeout=schedule_to_close_timeout,
        start_to_close_timeout=start_to_close_timeout,
        schedule_to_start_timeout=schedule_to_start_timeout,
        heartbeat_timeout=heartbeat_timeout,
        id_reuse_policy=id_reuse_policy,
        id_conflict_policy=id_conflict_policy,
        retry_policy=retry_policy,
        priority=priority,
        search_attributes=search_attributes,
        summary=summary,
        start_delay=start_delay,
        headers={},
        rpc_timeout=None,
        deduplication=deduplication,
    )


@takes_options_of(activity_start)
def client_activity_start(
    activity: Any,
    arg: Any,
    *,
    result_type: type | None = None,
    rpc_metadata: Mapping[str, str | bytes] = {},
    rpc_timeout: timedelta | None = None,
    **options: Any,
) -> StartActivityInput:
    """The same, with the options that starts have where somebody waits for the answer."""
    start = activity_start(activity, arg, **options)
    start.result_type = result_type or start.result_type
    start.rpc_metadata = rpc_metadata
    start.rpc_timeout = rpc_timeout
    return start
