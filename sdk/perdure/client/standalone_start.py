"""From what a user hands to `start_activity` to the request that goes to the shard."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import Any

from perdure.activity.definition import ActivityDefinition
from perdure.client.connection import Requester, check_text
from perdure.client.standalone_inputs import StartActivityInput
from perdure.common import Priority, RetryPolicy, milliseconds
from perdure.protocol.activity_executions import ActivityOptions, StartActivity
from perdure.protocol.payload import pack_payload_map
from perdure.search_attributes import search_attributes_to_bytes


def activity_name_and_type(activity: Any) -> tuple[str, Any]:
    """The type name of an activity and, unless it is given by name, the type of its result.

    Raises:
        TypeError: it has no definition, or is the dynamic one.
    """
    if isinstance(activity, str):
        return activity, None
    definition = ActivityDefinition.of(activity)
    if definition is None:
        shown = getattr(activity, "__qualname__", None) or repr(activity)
        raise TypeError(f"{shown} is not an activity: decorate it with @activity.defn, and give it or its name")
    if definition.name is None:
        raise TypeError("a dynamic activity has no name of its own: give the activity type to start as text")
    return definition.name, definition.result_type


def check_timeouts(activity_type: str, start_to_close: timedelta | None, schedule_to_close: timedelta | None) -> None:
    """Temporal's rule, kept for activities by name and by function: one of the two.

    Raises:
        ValueError: neither.
    """
    if start_to_close is None and schedule_to_close is None:
        raise ValueError(
            f"activity {activity_type!r}: give it a start_to_close_timeout (of one attempt) or a "
            "schedule_to_close_timeout (of all of them)"
        )


def start_request(connection: Requester, input: StartActivityInput, *, wait_result: bool) -> StartActivity:
    """The request that starts an activity.

    Raises:
        ValueError: an id, a timeout or a policy is not as it must be.
        PayloadSizeError: the arguments are too large.
        TypeError: an argument cannot be converted.
    """
    check_text("the activity id", input.id)
    check_text("the activity type", input.activity_type)
    check_text("the task queue", input.task_queue)
    options = options_of(
        input.schedule_to_close_timeout,
        input.schedule_to_start_timeout,
        input.start_to_close_timeout,
        input.heartbeat_timeout,
        input.retry_policy,
        input.priority,
        int(input.id_reuse_policy) or 1,
        int(input.id_conflict_policy) or 1,
    )
    if input.soft_timeout is not None or input.result_ttl is not None:
        options = options._replace(
            soft_timeout_ms=milliseconds("soft_timeout", input.soft_timeout),
            keep_result_ms=milliseconds("result_ttl", input.result_ttl),
        )
    request_id, identity = connection.author()
    return StartActivity(
        connection.namespace,
        input.id,
        input.activity_type,
        input.task_queue,
        connection.converter.to_bytes(input.args, "the arguments of an activity") if input.args else b"",
        "" if input.is_new_id else request_id,
        identity,
        options,
        wait_result,
        milliseconds("start_delay", input.start_delay) if input.start_delay is not None else 0,
        pack_payload_map(input.headers) if input.headers else b"",
        input.summary or "",
        search_attributes_to_bytes(input.search_attributes) if input.search_attributes is not None else b"",
        None if input.deduplication is None else input.deduplication.to_data(),
    )


def options_of(
    schedule_to_close_timeout: timedelta | None,
    schedule_to_start_timeout: timedelta | None,
    start_to_close_timeout: timedelta | None,
    heartbeat_timeout: timedelta | None,
    retry_policy: RetryPolicy | None,
    priority: Priority,
    id_reuse_policy: int,
    id_conflict_policy: int,
) -> ActivityOptions:
    """Options as they travel.

    Raises:
        ValueError: a timeout or the policy is not as it must be.
    """
    policy = None if retry_policy is None else retry_policy.to_data()
    times = schedule_to_close_timeout, schedule_to_start_timeout, start_to_close_timeout, heartbeat_timeout
    fairness = priority.to_fairness(None)
    return ActivityOptions(
        *_times(*times), policy, priority.priority_key or 3, id_reuse_policy, id_conflict_policy, fairness
    )


@functools.lru_cache(maxsize=1024)
def _times(
    schedule_to_close_timeout: timedelta | None,
    schedule_to_start_timeout: timedelta | None,
    start_to_close_timeout: timedelta | None,
    heartbeat_timeout: timedelta | None,
) -> tuple[int, int, int, int]:
    return (
        milliseconds("schedule_to_close_timeout", schedule_to_close_timeout),
        milliseconds("schedule_to_start_timeout", schedule_to_start_timeout),
        milliseconds("start_to_close_timeout", start_to_close_timeout),
        milliseconds("heartbeat_timeout", heartbeat_timeout),
    )
