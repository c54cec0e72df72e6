"""Events of activities, and the annotations that keep what happened between them: attempts that began, failed or were
let go of, and what operators did."""

from __future__ import annotations

from typing import NamedTuple

from perdure.protocol.failure import Failure
from perdure.protocol.fairness import Fairness
from perdure.protocol.payload import HeaderMap, Payloads
from perdure.protocol.retry import RetryPolicyData


class ActivityTaskScheduled(NamedTuple):
    activity_id: str
    activity_type: str
    task_queue: str
    input: Payloads
    schedule_to_close_timeout_ms: int
    schedule_to_start_timeout_ms: int
    start_to_close_timeout_ms: int
    heartbeat_timeout_ms: int
    retry_policy: RetryPolicyData
    workflow_task_completed_event_id: int
    headers: HeaderMap = b""
    priority: int = 3
    summary: str = ""
    fairness: Fairness | None = None


class ActivityTaskStarted(NamedTuple):
    scheduled_event_id: int
    identity: str
    attempt: int
    last_failure: Failure | None = None


class ActivityTaskCompleted(NamedTuple):
    result: Payloads
    scheduled_event_id: int
    started_event_id: int
    identity: str = ""


class ActivityTaskFailed(NamedTuple):
    failure: Failure
    scheduled_event_id: int
    started_event_id: int
    identity: str
    retry_state: int


class ActivityTaskTimedOut(NamedTuple):
    """`failure` is a timeout failure; its cause is the last attempt's failure, if any."""

    failure: Failure
    scheduled_event_id: int
    started_event_id: int
    retry_state: int


class ActivityTaskCancelRequested(NamedTuple):
    scheduled_event_id: int
    workflow_task_completed_event_id: int


class ActivityTaskCanceled(NamedTuple):
    details: Payloads
    scheduled_event_id: int
    started_event_id: int
    latest_cancel_requested_event_id: int
    identity: str = ""


class ActivityTasksScheduledAsAsked(NamedTuple):
    """Stands for as many events `ActivityTaskScheduled` in a row, from the id of this one on, for the worker whose
    commands they are: it knows what it asked for."""

    activities: int


class ActivityAttemptStarted(NamedTuple):
    """A worker said that it has been running this attempt since `started_time_us`, as far as that is possible:
    `said_time_us` is what it said, by which its report is known again."""

    scheduled_event_id: int
    attempt: int
    identity: str
    started_time_us: int
    said_time_us: int = 0


class ActivityAttemptFailed(NamedTuple):
    """Attempt `attempt` failed and `attempt + 1` may start from `next_attempt_time_us`, unless the activity is paused.
    `attempt_base`: so many attempts no longer count; 0 if that is as it was."""

    scheduled_event_id: int
    attempt: int
    failure: Failure
    identity: str
    next_attempt_time_us: int
    heartbeat_details: Payloads = b""
    attempt_base: int = 0


class ActivityAttemptDetached(NamedTuple):
    """A worker let go of this attempt, which it began at `started_time_us`: somebody else completes it. No lease holds
    it any more; its timeouts do."""

    scheduled_event_id: int
    attempt: int
    identity: str
    started_time_us: int


class ActivityPaused(NamedTuple):
    """Somebody paused the activity: no attempt begins until it is unpaused. `attempt` is the one that runs or waits."""

    scheduled_event_id: int
    attempt: int
    identity: str
    reason: str
    request_id: str


class ActivityUnpaused(NamedTuple):
    """The activity goes on. `attempt` begins at `start_time_us`, or is running (0). `reset_attempts`: it counts as the
    first; `reset_heartbeat`: the next one to begin finds no heartbeat details."""

    scheduled_event_id: int
    attempt: int
    identity: str
    reason: str
    request_id: str
    start_time_us: int
    reset_attempts: bool = False
    reset_heartbeat: bool = False


class ActivityReset(NamedTuple):
    """The activity begins anew: its next attempt counts as the first, and its schedule-to-close timeout counts from
    now. As with `ActivityUnpaused`, which this is, too, but for `keep_paused`. `start_time_us` 0: an attempt runs, or
    the activity stays paused."""

    scheduled_event_id: int
    attempt: int
    identity: str
    reason: str
    request_id: str
    start_time_us: int
    reset_heartbeat: bool = False
    keep_paused: bool = False
