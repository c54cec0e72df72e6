"""The options of a start, as `Client.start_activity` and `Client.execute_activity` share them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Required, TypedDict

from perdure.common import (
    ActivityIDConflictPolicy,
    ActivityIDReusePolicy,
    Priority,
    RetryPolicy,
    TypedSearchAttributes,
)


class ActivityStartOptions(TypedDict, total=False):
    """What a start takes beside the activity and its one argument, if any."""

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
    rpc_metadata: Mapping[str, str | bytes]
    rpc_timeout: timedelta | None


class ActivityStartOptionsWithArgs(ActivityStartOptions, total=False):
    """The same, for an activity of several parameters."""

    args: Required[Sequence[Any]]


class ActivityStartOptionsByName(ActivityStartOptions, total=False):
    """The same, for an activity that is named by text: nothing else says what it takes and returns."""

    args: Sequence[Any]
    result_type: type | None
