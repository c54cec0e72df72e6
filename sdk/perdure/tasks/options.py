"""The options of a task: how it runs unless a call says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from perdure.common import Priority, RetryPolicy
from perdure.deduplication import Deduplication

QUEUE = "default"
"""The task queue of tasks that name none."""

RETRY_POLICY = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=10), maximum_attempts=20, jitter=1.0
)
"""How a task is tried again unless it says otherwise: after a second at the most, then twice as long each time up to
ten minutes, with full jitter; twenty attempts in about an hour."""

ONCE = RetryPolicy(maximum_attempts=1)

Seconds = float | timedelta
"""A duration: seconds, or a `timedelta`."""


class CallOptions(TypedDict, total=False):
    """What one call of a task says in place of the task's options: see `Task.apply_async`."""

    countdown: Seconds | None
    eta: datetime | None
    expires: Seconds | datetime | None
    task_id: str | None
    queue: str | None
    priority: int | Priority | None
    retry_policy: RetryPolicy | None
    time_limit: Seconds | None
    deduplication: Deduplication | None


@dataclass(frozen=True, kw_only=True)
class TaskOptions:
    """Attributes:
    queue: The task queue that its workers poll.
    retry_policy: How it is tried again when it fails.
    at_most_once: It is begun once, and not again whatever becomes of its worker.
    time_limit: Of one attempt. What runs in a process of its own is killed when it does not end five seconds later.
    soft_time_limit: Of one attempt: its code is asked to end, by a `CancelledError` that it may clean up after.
    expires: It is not begun later than this after it could have been.
    heartbeat_timeout: The longest silence of an attempt that tells of its progress.
    priority: From 1 (first) to 5 (last), or a `Priority`.
    result_ttl: How long its result is kept; None: as its namespace says.
    """

    queue: str = QUEUE
    retry_policy: RetryPolicy = field(default_factory=lambda: RETRY_POLICY)
    at_most_once: bool = False
    time_limit: Seconds | None = None
    soft_time_limit: Seconds | None = None
    expires: Seconds | None = None
    heartbeat_timeout: Seconds | None = None
    priority: int | Priority = Priority.default
    result_ttl: Seconds | None = None

    def __post_init__(self) -> None:
        for name in ("time_limit", "soft_time_limit", "expires", "heartbeat_timeout", "result_ttl"):
            value = getattr(self, name)
            if value is not None and duration(value) <= timedelta(0):
                raise ValueError(f"{name} is {value}; it must be above 0")

    @property
    def policy(self) -> RetryPolicy:
        """The retry policy that holds."""
        return ONCE if self.at_most_once else self.retry_policy

    @property
    def precedence(self) -> Priority:
        return self.priority if isinstance(self.priority, Priority) else Priority(self.priority)

    def activity_options(self) -> Mapping[str, Any]:
        """The same for `workflow.execute_activity`; without a time limit, an attempt may take a day."""
        return {
            "task_queue": self.queue,
            "retry_policy": self.policy,
            "start_to_close_timeout": duration(self.time_limit) if self.time_limit is not None else timedelta(days=1),
            "schedule_to_start_timeout": optional_duration(self.expires),
            "heartbeat_timeout": optional_duration(self.heartbeat_timeout),
            "priority": self.precedence,
        }


def duration(value: Seconds) -> timedelta:
    """The duration that somebody gave."""
    return value if isinstance(value, timedelta) else timedelta(seconds=value)


def optional_duration(value: Seconds | None) -> timedelta | None:
    return None if value is None else duration(value)


def moment(value: datetime) -> datetime:
    """A moment; without a time zone it is local time, as everywhere in Python."""
    return value.astimezone(UTC)
