"""Events of workflow tasks, and the annotation of the attempts that are no events."""

from __future__ import annotations

from typing import NamedTuple

from perdure.protocol.deployment import VersionStamp
from perdure.protocol.failure import Failure

RESET_CAUSE = "RESET_WORKFLOW"
"""Cause of the workflow task at which a reset begins."""


class WorkflowTaskScheduled(NamedTuple):
    task_queue: str
    start_to_close_timeout_ms: int
    attempt: int


class WorkflowTaskStarted(NamedTuple):
    """`history_size_bytes`: of the history up to this task, as the workflow saw it; 0 in a task that failed."""

    scheduled_event_id: int
    identity: str
    history_size_bytes: int = 0


class WorkflowTaskCompleted(NamedTuple):
    """`version`: of the worker, if it said which it is."""

    scheduled_event_id: int
    started_event_id: int
    identity: str
    sticky_queue: str = ""
    version: VersionStamp | None = None


class WorkflowTaskTimedOut(NamedTuple):
    scheduled_event_id: int
    started_event_id: int
    timeout_type: int


class WorkflowTaskFailed(NamedTuple):
    """With the cause RESET_WORKFLOW it stands where a reset begins: `base_run_id` names the run that all events before
    were copied from, `new_run_id` this one."""

    scheduled_event_id: int
    started_event_id: int
    cause: str
    failure: Failure | None
    identity: str
    base_run_id: str = ""
    new_run_id: str = ""


class WorkflowTaskAttemptFailed(NamedTuple):
    """A workflow task failed again: only its first failure is an event. The next attempt starts from
    `next_attempt_time_us`."""

    attempt: int
    cause: str
    failure: Failure | None
    identity: str
    next_attempt_time_us: int
