"""History events and annotations: what a run is the fold of.

Types, attribute names and order are Temporal's, and so are the numbers. Two things differ, because a workflow task here
is started by reading a stream: `WorkflowTaskStarted` and `ActivityTaskStarted` are written together with the event that
closes them. Annotations (numbers from 1000) are records that must survive but are not history events: they have event
id 0, and replay ignores them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from perdure.protocol.activity_events import (
    ActivityAttemptDetached as ActivityAttemptDetached,
    ActivityAttemptFailed as ActivityAttemptFailed,
    ActivityAttemptStarted as ActivityAttemptStarted,
    ActivityPaused as ActivityPaused,
    ActivityReset as ActivityReset,
    ActivityTaskCanceled as ActivityTaskCanceled,
    ActivityTaskCancelRequested as ActivityTaskCancelRequested,
    ActivityTaskCompleted as ActivityTaskCompleted,
    ActivityTaskFailed as ActivityTaskFailed,
    ActivityTaskScheduled as ActivityTaskScheduled,
    ActivityTasksScheduledAsAsked as ActivityTasksScheduledAsAsked,
    ActivityTaskStarted as ActivityTaskStarted,
    ActivityTaskTimedOut as ActivityTaskTimedOut,
    ActivityUnpaused as ActivityUnpaused,
)
from perdure.protocol.child_workflow import CHILD_EVENTS
from perdure.protocol.codec import CODEC_VERSION, DecodeError, Registry, pack, shown, unpack
from perdure.protocol.event_types import EventType as EventType
from perdure.protocol.execution_events import (
    ContinueAsNewInitiator as ContinueAsNewInitiator,
    WorkflowExecutionCanceled as WorkflowExecutionCanceled,
    WorkflowExecutionCancelRequested as WorkflowExecutionCancelRequested,
    WorkflowExecutionCompleted as WorkflowExecutionCompleted,
    WorkflowExecutionContinuedAsNew as WorkflowExecutionContinuedAsNew,
    WorkflowExecutionFailed as WorkflowExecutionFailed,
    WorkflowExecutionSignaled as WorkflowExecutionSignaled,
    WorkflowExecutionStarted as WorkflowExecutionStarted,
    WorkflowExecutionTerminated as WorkflowExecutionTerminated,
    WorkflowExecutionTimedOut as WorkflowExecutionTimedOut,
)
from perdure.protocol.external_workflow import EXTERNAL_EVENTS
from perdure.protocol.failure import Failure
from perdure.protocol.payload import HeaderMap, PayloadLists, PayloadMap
from perdure.protocol.updates import (
    UpdateForgotten,
    WorkflowExecutionUpdateAccepted,
    WorkflowExecutionUpdateAdmitted,
    WorkflowExecutionUpdateCompleted,
)
from perdure.protocol.workflow_task_events import (
    RESET_CAUSE as RESET_CAUSE,
    WorkflowTaskAttemptFailed as WorkflowTaskAttemptFailed,
    WorkflowTaskCompleted as WorkflowTaskCompleted,
    WorkflowTaskFailed as WorkflowTaskFailed,
    WorkflowTaskScheduled as WorkflowTaskScheduled,
    WorkflowTaskStarted as WorkflowTaskStarted,
    WorkflowTaskTimedOut as WorkflowTaskTimedOut,
)


class TimerStarted(NamedTuple):
    timer_id: str
    start_to_fire_timeout_ms: int
    workflow_task_completed_event_id: int
    summary: str = ""


class TimerFired(NamedTuple):
    timer_id: str
    started_event_id: int


class TimerCanceled(NamedTuple):
    timer_id: str
    started_event_id: int
    workflow_task_completed_event_id: int
    identity: str = ""


class MarkerRecorded(NamedTuple):
    """What a workflow keeps for its replays; `details` are those of `protocol.marker`."""

    marker_name: str
    details: PayloadLists
    workflow_task_completed_event_id: int
    headers: HeaderMap = b""
    failure: Failure | None = None


class UpsertWorkflowSearchAttributes(NamedTuple):
    """`search_attributes` holds what is set, and with None what is taken away."""

    workflow_task_completed_event_id: int
    search_attributes: bytes


class WorkflowPropertiesModified(NamedTuple):
    """`upserted_memo` holds what is set, and with None what is taken away."""

    workflow_task_completed_event_id: int
    upserted_memo: PayloadMap


class EventBuffered(NamedTuple):
    """An event that happened while a workflow task was out: it becomes an event when that task is closed. For what
    closed an attempt of an activity, the rest says when that attempt was started, by whom, and which it is: its Started
    event comes with it."""

    event_type: int
    attributes: Any
    started_time_us: int = 0
    identity: str = ""
    attempt: int = 0


class PropertiesAtClose(NamedTuple):
    """The memo and the search attributes that a run closes with, where they are not those that it was started with."""

    memo: PayloadMap
    search_attributes: bytes


class ContentKept(NamedTuple):
    """From here on the run has the pieces of content behind these hashes (see `content.py`); each takes so many bytes
    where it is kept."""

    hashes: bytes
    sizes: tuple[int, ...]


EVENTS = Registry(
    "history event",
    {
        EventType.WORKFLOW_EXECUTION_STARTED: WorkflowExecutionStarted,
        EventType.WORKFLOW_EXECUTION_COMPLETED: WorkflowExecutionCompleted,
        EventType.WORKFLOW_EXECUTION_FAILED: WorkflowExecutionFailed,
        EventType.WORKFLOW_EXECUTION_TIMED_OUT: WorkflowExecutionTimedOut,
        EventType.WORKFLOW_TASK_SCHEDULED: WorkflowTaskScheduled,
        EventType.WORKFLOW_TASK_STARTED: WorkflowTaskStarted,
        EventType.WORKFLOW_TASK_COMPLETED: WorkflowTaskCompleted,
        EventType.WORKFLOW_TASK_TIMED_OUT: WorkflowTaskTimedOut,
        EventType.WORKFLOW_TASK_FAILED: WorkflowTaskFailed,
        EventType.ACTIVITY_TASK_SCHEDULED: ActivityTaskScheduled,
        EventType.ACTIVITY_TASK_STARTED: ActivityTaskStarted,
        EventType.ACTIVITY_TASK_COMPLETED: ActivityTaskCompleted,
        EventType.ACTIVITY_TASK_FAILED: ActivityTaskFailed,
        EventType.ACTIVITY_TASK_TIMED_OUT: ActivityTaskTimedOut,
        EventType.ACTIVITY_TASK_CANCEL_REQUESTED: ActivityTaskCancelRequested,
        EventType.ACTIVITY_TASK_CANCELED: ActivityTaskCanceled,
        EventType.TIMER_STARTED: TimerStarted,
        EventType.TIMER_FIRED: TimerFired,
        EventType.TIMER_CANCELED: TimerCanceled,
        EventType.WORKFLOW_EXECUTION_CANCEL_REQUESTED: WorkflowExecutionCancelRequested,
        EventType.WORKFLOW_EXECUTION_CANCELED: WorkflowExecutionCanceled,
        EventType.MARKER_RECORDED: MarkerRecorded,
        EventType.WORKFLOW_EXECUTION_SIGNALED: WorkflowExecutionSignaled,
        EventType.WORKFLOW_EXECUTION_TERMINATED: WorkflowExecutionTerminated,
        EventType.UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: UpsertWorkflowSearchAttributes,
        EventType.WORKFLOW_PROPERTIES_MODIFIED: WorkflowPropertiesModified,
        EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW: WorkflowExecutionContinuedAsNew,
        **CHILD_EVENTS,
        **EXTERNAL_EVENTS,
        EventType.WORKFLOW_EXECUTION_UPDATE_ACCEPTED: WorkflowExecutionUpdateAccepted,
        EventType.WORKFLOW_EXECUTION_UPDATE_COMPLETED: WorkflowExecutionUpdateCompleted,
        EventType.WORKFLOW_EXECUTION_UPDATE_ADMITTED: WorkflowExecutionUpdateAdmitted,
        EventType.ACTIVITY_ATTEMPT_STARTED: ActivityAttemptStarted,
        EventType.ACTIVITY_ATTEMPT_FAILED: ActivityAttemptFailed,
        EventType.WORKFLOW_TASK_ATTEMPT_FAILED: WorkflowTaskAttemptFailed,
        EventType.EVENT_BUFFERED: EventBuffered,
        EventType.ACTIVITY_ATTEMPT_DETACHED: ActivityAttemptDetached,
        EventType.ACTIVITY_PAUSED: ActivityPaused,
        EventType.ACTIVITY_UNPAUSED: ActivityUnpaused,
        EventType.ACTIVITY_RESET: ActivityReset,
        EventType.PROPERTIES_AT_CLOSE: PropertiesAtClose,
        EventType.CONTENT_KEPT: ContentKept,
        EventType.UPDATE_FORGOTTEN: UpdateForgotten,
        EventType.ACTIVITY_TASKS_SCHEDULED_AS_ASKED: ActivityTasksScheduledAsAsked,
    },
)


class HistoryEvent(NamedTuple):
    """One record of a run. `event_id` counts from 1 without gaps; 0 marks an annotation. `attributes` is the message
    that `event_type` numbers."""

    event_id: int
    time_us: int
    event_type: int
    attributes: Any


def encode_records(records: Sequence[HistoryEvent]) -> bytes:
    """The bytes of one history row or of the events of one task."""
    return pack((CODEC_VERSION, records))


def decode_events(rows: Iterable[Any]) -> list[HistoryEvent]:
    """Events from already unpacked rows (`(event_id, time_us, event_type, attributes)`).

    Raises:
        DecodeError: a row is malformed or of an unknown type.
    """
    decode = EVENTS.decode
    events = []
    for row in rows:
        if type(row) is not tuple or len(row) < 4 or type(row[0]) is not int or type(row[1]) is not int:
            raise DecodeError("a history event must be an array of event id, time, type and attributes")
        attributes = decode(row[2], row[3])
        if type(attributes) is EventBuffered:
            attributes = attributes._replace(attributes=decode(attributes.event_type, attributes.attributes))
        events.append(HistoryEvent(row[0], row[1], row[2], attributes))
    return events


def decode_records(data: bytes) -> list[HistoryEvent]:
    """The inverse of `encode_records`.

    Raises:
        DecodeError: malformed, or written by a newer codec.
    """
    whole = unpack(data)
    if type(whole) is not tuple or len(whole) != 2 or type(whole[1]) is not tuple:
        raise DecodeError("history must be an array of a version and records")
    if whole[0] != CODEC_VERSION:
        raise DecodeError(
            f"history has codec version {shown(whole[0])}, this version reads {CODEC_VERSION}; upgrade first"
        )
    return decode_events(whole[1])
