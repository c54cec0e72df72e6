"""What an activity knows about itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from perdure.common import Priority, RetryPolicy


@dataclass(frozen=True)
class Info:
    """Of the running attempt; made by `activity.info()`.

    Attributes:
        attempt: From 1; counted anew after a reset.
        heartbeat_details: What the attempt before last told by `activity.heartbeat`.
        idempotency_key: The same for every attempt of this activity, and for no other activity: what an external
            service should be given, so that a repeated attempt does nothing twice.
        workflow_id, workflow_run_id, workflow_type: None for an activity without a workflow.
    """

    activity_id: str
    activity_type: str
    attempt: int
    current_attempt_scheduled_time: datetime
    heartbeat_details: Sequence[Any]
    heartbeat_timeout: timedelta | None
    is_local: bool
    namespace: str
    schedule_to_close_timeout: timedelta | None
    scheduled_time: datetime
    start_to_close_timeout: timedelta | None
    started_time: datetime
    task_queue: str
    task_token: bytes
    workflow_id: str | None
    workflow_namespace: str | None
    workflow_run_id: str | None
    workflow_type: str | None
    priority: Priority
    retry_policy: RetryPolicy | None
    activity_run_id: str | None = None
    idempotency_key: str = ""

    @property
    def in_workflow(self) -> bool:
        """Whether a workflow called this activity."""
        return self.workflow_id is not None

    def logger_details(self) -> Mapping[str, Any]:
        """What log records say about the activity."""
        return {
            "activity_id": self.activity_id,
            "activity_type": self.activity_type,
            "attempt": self.attempt,
            "namespace": self.namespace,
            "task_queue": self.task_queue,
            "workflow_id": self.workflow_id,
            "workflow_run_id": self.workflow_run_id,
            "workflow_type": self.workflow_type,
        }


@dataclass(frozen=True)
class ActivityCancellationDetails:
    """Why an activity was cancelled.

    Attributes:
        not_found: The engine no longer wants this attempt, for example because its workflow has closed.
        cancel_requested: The workflow asked for it.
        paused, reset: An operator paused or reset the activity: the next attempt finds what this one told last.
        timed_out: One of its times has passed.
        worker_shutdown: The worker stops.
    """

    not_found: bool = False
    cancel_requested: bool = False
    paused: bool = False
    timed_out: bool = False
    reset: bool = False
    worker_shutdown: bool = False
