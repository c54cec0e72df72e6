"""Requests of workers about the tasks that they hold, and of others who report on an activity in their place."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

from perdure.protocol.commands import Command, decode_commands
from perdure.protocol.deployment import VersionStamp
from perdure.protocol.failure import Failure
from perdure.protocol.payload import Payloads


class RespondWorkflowTaskCompleted(NamedTuple):
    """`started_time_us`, `scheduled_event_id` and `history_size_bytes` come from the task; `stream` and `entry_id` name
    the stream entry that is finished with it (empty if there is none); `sticky_worker` is the worker id that now caches
    the instance, or empty. `wants_new_task`: local activities still run; another workflow task is to follow at once.
    `version`: of the worker, if it says which it is."""

    run_id: str
    scheduled_event_id: int
    attempt: int
    started_time_us: int
    commands: tuple[Command, ...]
    identity: str
    sticky_worker: str
    stream: bytes
    entry_id: bytes
    history_size_bytes: int = 0
    wants_new_task: bool = False
    version: VersionStamp | None = None

    @staticmethod
    def _decode_commands(value: Any) -> tuple[Command, ...]:
        return decode_commands(value)


class RespondWorkflowTaskFailed(NamedTuple):
    """`cause` is a word in capitals such as NON_DETERMINISTIC_ERROR or WORKFLOW_WORKER_UNHANDLED_FAILURE."""

    run_id: str
    scheduled_event_id: int
    attempt: int
    started_time_us: int
    cause: str
    failure: Failure
    identity: str
    stream: bytes
    entry_id: bytes


class ActivityReport(IntEnum):
    """What somebody who completes an activity from outside of its worker says of it."""

    HEARTBEAT = 1
    COMPLETED = 2
    FAILED = 3
    CANCELED = 4


class ReportActivity(NamedTuple):
    """About an activity, from outside of its worker. It is named by its id, or by the scheduled event and the attempt
    (of a task token); the other is empty. `data` is the result, or the details of the heartbeat or cancellation.

    Reply: `ActivityDirective` to a heartbeat, else None. A repeated request id (heartbeats have none) is answered like
    the first."""

    namespace: str
    workflow_id: str
    run_id: str
    activity_id: str
    scheduled_event_id: int
    attempt: int
    report: int
    data: Payloads
    failure: Failure | None
    heartbeat_details: Payloads
    request_id: str
    identity: str


class ActivityChange(IntEnum):
    """What an operator does to activities of a run."""

    PAUSE = 1
    UNPAUSE = 2
    RESET = 3


class ChangeActivity(NamedTuple):
    """Pause, unpause or reset an activity, or all of a type: one of `activity_id` and `activity_type` is empty.

    `delay_ms`: before the attempt that this lets begin. `reset_attempts` goes with UNPAUSE, `keep_paused` with RESET,
    `reset_heartbeat` with both. Reply: None. A repeated request id is answered like the first."""

    namespace: str
    workflow_id: str
    run_id: str
    activity_id: str
    activity_type: str
    change: int
    reason: str
    delay_ms: int
    reset_attempts: bool
    reset_heartbeat: bool
    keep_paused: bool
    request_id: str
    identity: str


class RecordActivityTaskStarted(NamedTuple):
    """Sent for an activity that runs longer than 100 ms, and awaited before one that may be attempted only once.

    Reply: `ActivityDirective`."""

    run_id: str
    scheduled_event_id: int
    attempt: int
    started_time_us: int
    identity: str


class RespondActivityTaskCompleted(NamedTuple):
    run_id: str
    scheduled_event_id: int
    attempt: int
    started_time_us: int
    result: Payloads
    identity: str
    stream: bytes
    entry_id: bytes


class RespondActivityTaskFailed(NamedTuple):
    run_id: str
    scheduled_event_id: int
    attempt: int
    started_time_us: int
    failure: Failure
    identity: str
    stream: bytes
    entry_id: bytes
    heartbeat_details: Payloads = b""


class RespondActivityTaskCanceled(NamedTuple):
    run_id: str
    scheduled_event_id: int
    attempt: int
    started_time_us: int
    details: Payloads
    identity: str
    stream: bytes
    entry_id: bytes


class RespondActivityTaskDetached(NamedTuple):
    """The worker lets go of the attempt without an outcome: somebody else will complete it (`ReportActivity`)."""

    run_id: str
    scheduled_event_id: int
    attempt: int
    started_time_us: int
    identity: str
    stream: bytes
    entry_id: bytes


class RecordActivityTaskHeartbeat(NamedTuple):
    """Reply: `ActivityDirective`."""

    run_id: str
    scheduled_event_id: int
    attempt: int
    details: Payloads
    identity: str


class GetWorkflowTask(NamedTuple):
    """The history for a task whose entry carried none, or not what the worker needs: what comes after event
    `after_event_id`, which is the completed event that the worker's instance stands at, or 0 for all of it.

    Reply: `HistoryPage`, whose last page ends at the task's scheduled event; NOT_FOUND when the task is no longer
    current (drop it and ack)."""

    run_id: str
    scheduled_event_id: int
    attempt: int
    page_token: bytes = b""
    after_event_id: int = 0


class GetActivityTask(NamedTuple):
    """Reply: the packed `ActivityTask`, with its input; NOT_FOUND when the attempt is no longer current."""

    run_id: str
    scheduled_event_id: int
    attempt: int


class StoreContent(NamedTuple):
    """Keep the content that travels beside this request, because a request that will refer to it is to come: one block
    would be too large. Reply: `None`; NOT_FOUND when the run is closed."""

    run_id: str
