"""Commands and events in errors: what they are, without payloads.

Role: one row a class, for those of which the name alone does not say enough. A row is a text with the names of fields,
or a function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.execution.local_marker import describe_local_marker, is_local_marker
from perdure.execution.versions import describe_marker as describe_version_marker
from perdure.protocol import child_workflow, commands, events, external_workflow
from perdure.protocol.events import HistoryEvent
from perdure.protocol.updates import (
    ProtocolMessage,
    UpdateMessageKind,
    WorkflowExecutionUpdateAccepted,
    WorkflowExecutionUpdateCompleted,
)

_ACTIVITY = "activity {activity_type!r}, id {activity_id!r}"
_TIMER = "id {timer_id!r}, {start_to_fire_timeout_ms} ms"
_TIMER_ID = "id {timer_id!r}"
_CHILD = "workflow {workflow_type!r}, id {workflow_id!r}"
_SIGNAL = "{signal_name!r} to workflow {workflow_id!r}"
_CANCEL = "of workflow {workflow_id!r}"
_OF_EVENT = "of event {scheduled_event_id}"


def _describe_message(message: ProtocolMessage) -> str:
    kind = "acceptance" if message.kind == UpdateMessageKind.ACCEPTANCE else "response"
    return f"{kind} of the update with the id {message.update_id!r}"


def describe_marker(marker: Any) -> str:
    return describe_local_marker(marker) if is_local_marker(marker) else describe_version_marker(marker)


_MORE: dict[type[Any], str | Callable[[Any], str]] = {
    commands.ScheduleActivityTask: _ACTIVITY,
    commands.RequestCancelActivityTask: _OF_EVENT,
    commands.StartTimer: _TIMER,
    commands.CancelTimer: _TIMER_ID,
    commands.RecordMarker: describe_marker,
    child_workflow.StartChildWorkflowExecution: _CHILD,
    external_workflow.SignalExternalWorkflowExecution: _SIGNAL,
    external_workflow.RequestCancelExternalWorkflowExecution: _CANCEL,
    ProtocolMessage: _describe_message,
    events.ActivityTaskScheduled: _ACTIVITY,
    events.ActivityTaskCancelRequested: _OF_EVENT,
    events.TimerStarted: _TIMER,
    events.TimerCanceled: _TIMER_ID,
    events.MarkerRecorded: describe_marker,
    child_workflow.StartChildWorkflowExecutionInitiated: _CHILD,
    external_workflow.SignalExternalWorkflowExecutionInitiated: _SIGNAL,
    external_workflow.RequestCancelExternalWorkflowExecutionInitiated: _CANCEL,
    WorkflowExecutionUpdateAccepted: "update {update_name!r}, id {protocol_instance_id!r}",
    WorkflowExecutionUpdateCompleted: "id {update_id!r}",
}


def describe(message: Any) -> str:
    """A command, or the attributes of an event."""
    name = type(message).__name__
    more = _MORE.get(type(message))
    if more is None:
        return name
    return f"{name} ({more.format_map(message._asdict()) if isinstance(more, str) else more(message)})"


def describe_event(event: HistoryEvent) -> str:
    return describe(event.attributes)
