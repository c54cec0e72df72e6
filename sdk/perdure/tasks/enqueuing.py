"""Enqueuing: from one call of a task to the activity that a client starts."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from perdure.client import Client, StartActivityInput
from perdure.common import ActivityIDConflictPolicy, ActivityIDReusePolicy, Priority, RetryPolicy
from perdure.deduplication import Deduplication
from perdure.exceptions import ActivityAlreadyStartedError
from perdure.tasks.handle import TaskHandle
from perdure.tasks.options import Seconds, TaskOptions, duration, moment, optional_duration

AT_ONCE_MAX = 5_000
"""Tasks of one `delay_many` that are on their way at once."""


@dataclass(slots=True)
class Call:
    """One call of a task, with what it says in place of the task's options."""

    name: str
    args: Sequence[Any]
    result_type: Any
    options: TaskOptions
    _: KW_ONLY
    countdown: Seconds | None = None
    eta: datetime | None = None
    expires: Seconds | datetime | None = None
    task_id: str | None = None
    queue: str | None = None
    priority: int | Priority | None = None
    retry_policy: RetryPolicy | None = None
    time_limit: Seconds | None = None
    deduplication: Deduplication | None = None


async def enqueue(call: Call, client: Client) -> TaskHandle[Any]:
    """Have an engine keep it; see `Task.apply_async`."""
    input = input_of(call)
    calls = client._connection.calls
    try:
        started = await calls.start_activity(input)
    except ActivityAlreadyStartedError as taken:
        return TaskHandle(input.id, taken.run_id, call.result_type, is_new=False)
    return TaskHandle(input.id, started.run_id, call.result_type, is_new=started.is_new)


async def enqueue_many(calls: Sequence[Call], client: Client) -> list[TaskHandle[Any]]:
    """Many together: what is sent in one turn of the loop shares entries of the inboxes."""
    handles: list[TaskHandle[Any]] = []
    for start in range(0, len(calls), AT_ONCE_MAX):
        handles += await asyncio.gather(*(enqueue(call, client) for call in calls[start : start + AT_ONCE_MAX]))
    return handles


def input_of(call: Call) -> StartActivityInput:
    """What the client is asked for.

    Raises:
        ValueError: `countdown` and `eta` together, or a deduplication without an id.
    """
    if call.deduplication is not None and call.task_id is None:
        raise ValueError("deduplication= needs task_id=: the id says which calls are the same")
    options = call.options
    delay = _delay(call)
    priority = call.priority if call.priority is not None else options.priority
    return StartActivityInput(
        activity_type=call.name,
        args=call.args,
        id=call.task_id or str(uuid.uuid4()),
        task_queue=call.queue or options.queue,
        result_type=call.result_type,
        schedule_to_close_timeout=None,
        start_to_close_timeout=optional_duration(
            call.time_limit if call.time_limit is not None else options.time_limit
        ),
        schedule_to_start_timeout=_expiry(call, delay),
        heartbeat_timeout=optional_duration(options.heartbeat_timeout),
        id_reuse_policy=ActivityIDReusePolicy.REJECT_DUPLICATE,
        id_conflict_policy=ActivityIDConflictPolicy.FAIL,
        retry_policy=call.retry_policy or options.policy,
        priority=priority if isinstance(priority, Priority) else Priority(priority),
        search_attributes=None,
        summary=None,
        start_delay=delay,
        headers={},
        rpc_timeout=None,
        is_new_id=call.task_id is None,
        soft_timeout=optional_duration(options.soft_time_limit),
        result_ttl=optional_duration(options.result_ttl),
        deduplication=call.deduplication,
    )


def _delay(call: Call) -> timedelta | None:
    if call.eta is None:
        return None if call.countdown is None else max(duration(call.countdown), timedelta(0))
    if call.countdown is not None:
        raise ValueError("give either countdown= or eta=")
    return max(moment(call.eta) - datetime.now(UTC), timedelta(0))


def _expiry(call: Call, delay: timedelta | None) -> timedelta | None:
    """How long it may wait in its queue, once it could begin."""
    expires = call.expires if call.expires is not None else call.options.expires
    if not isinstance(expires, datetime):
        return optional_duration(expires)
    left = moment(expires) - datetime.now(UTC) - (delay or timedelta(0))
    return max(left, timedelta(milliseconds=1))
