"""Kinds of events: what they have in common where order is concerned."""

from __future__ import annotations

from enum import Enum

from perdure.protocol.events import EventType


class Kind(Enum):
    BEGIN = "the start of the run"
    SCHEDULED = "a workflow task is scheduled"
    STARTED = "a workflow task is started"
    COMPLETED = "a workflow task is completed"
    FAILED = "a workflow task failed or timed out"
    COMMAND = "what a completed workflow task asked for"
    OUTSIDE = "what came from outside of the workflow"
    CLOSED_BY_COMMAND = "the workflow's own end"
    CLOSED_FROM_OUTSIDE = "an end that the workflow was not asked about"


KIND_OF: dict[int, Kind] = {
    EventType.WORKFLOW_EXECUTION_STARTED: Kind.BEGIN,
    EventType.WORKFLOW_TASK_SCHEDULED: Kind.SCHEDULED,
    EventType.WORKFLOW_TASK_STARTED: Kind.STARTED,
    EventType.WORKFLOW_TASK_COMPLETED: Kind.COMPLETED,
    EventType.WORKFLOW_TASK_FAILED: Kind.FAILED,
    EventType.WORKFLOW_TASK_TIMED_OUT: Kind.FAILED,
    EventType.ACTIVITY_TASK_SCHEDULED: Kind.COMMAND,
    EventType.ACTIVITY_TASK_CANCEL_REQUESTED: Kind.COMMAND,
    EventType.TIMER_STARTED: Kind.COMMAND,
    EventType.TIMER_CANCELED: Kind.COMMAND,
    EventType.MARKER_RECORDED: Kind.COMMAND,
    EventType.UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: Kind.COMMAND,
    EventType.WORKFLOW_PROPERTIES_MODIFIED: Kind.COMMAND,
    EventType.ACTIVITY_TASK_STARTED: Kind.OUTSIDE,
    EventType.ACTIVITY_TASK_COMPLETED: Kind.OUTSIDE,
    EventType.ACTIVITY_TASK_FAILED: Kind.OUTSIDE,
    EventType.ACTIVITY_TASK_TIMED_OUT: Kind.OUTSIDE,
    EventType.ACTIVITY_TASK_CANCELED: Kind.OUTSIDE,
    EventType.TIMER_FIRED: Kind.OUTSIDE,
    EventType.WORKFLOW_EXECUTION_SIGNALED: Kind.OUTSIDE,
    EventType.WORKFLOW_EXECUTION_CANCEL_REQUESTED: Kind.OUTSIDE,
    EventType.WORKFLOW_EXECUTION_UPDATE_ACCEPTED: Kind.COMMAND,
    EventType.WORKFLOW_EXECUTION_UPDATE_COMPLETED: Kind.COMMAND,
    EventType.WORKFLOW_EXECUTION_COMPLETED: Kind.CLOSED_BY_COMMAND,
    EventType.WORKFLOW_EXECUTION_FAILED: Kind.CLOSED_BY_COMMAND,
    EventType.WORKFLOW_EXECUTION_CANCELED: Kind.CLOSED_BY_COMMAND,
    EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW: Kind.CLOSED_BY_COMMAND,
    EventType.WORKFLOW_EXECUTION_TERMINATED: Kind.CLOSED_FROM_OUTSIDE,
    EventType.WORKFLOW_EXECUTION_TIMED_OUT: Kind.CLOSED_FROM_OUTSIDE,
}
"""Every event; what is missing here is an annotation, or unknown."""

ANNOTATIONS = frozenset(
    {
        EventType.ACTIVITY_ATTEMPT_STARTED,
        EventType.ACTIVITY_ATTEMPT_DETACHED,
        EventType.ACTIVITY_ATTEMPT_FAILED,
        EventType.WORKFLOW_TASK_ATTEMPT_FAILED,
        EventType.EVENT_BUFFERED,
        EventType.PROPERTIES_AT_CLOSE,
        EventType.CONTENT_KEPT,
    }
)

CLOSINGS = frozenset({Kind.CLOSED_BY_COMMAND, Kind.CLOSED_FROM_OUTSIDE})

SENT_BY_PEOPLE = frozenset({EventType.WORKFLOW_EXECUTION_SIGNALED, EventType.WORKFLOW_EXECUTION_CANCEL_REQUESTED})
"""Events from outside that come before the outcomes of activities and timers when both were buffered."""
