"""Commands: their events stand behind the completed workflow task that asked for them, at its time."""

from __future__ import annotations

from collections.abc import Iterator

from perdure.protocol.events import ActivityTaskCanceled, ActivityTaskCancelRequested, HistoryEvent
from perdure.protocol.external_workflow import (
    RequestCancelExternalWorkflowExecutionFailed,
    SignalExternalWorkflowExecutionFailed,
)
from tests.legality.kinds import KIND_OF, Kind


class Commands:
    def __init__(self) -> None:
        self._completed: HistoryEvent | None = None
        self._asked_to_stop: set[int] = set()
        self._is_over = False

    def take(self, record: HistoryEvent) -> Iterator[str]:
        kind = KIND_OF.get(record.event_type)
        if kind is Kind.COMPLETED:
            self._completed = record
            self._asked_to_stop = set()
            self._is_over = False
        elif kind is Kind.COMMAND or kind is Kind.CLOSED_BY_COMMAND:
            yield from self._command(record)
        elif record.event_id and not self._was_settled_here(record):
            self._is_over = True

    def _command(self, record: HistoryEvent) -> Iterator[str]:
        completed = self._completed
        if completed is None or self._is_over:
            yield "no workflow task that was just completed can have asked for it"
            return
        if record.attributes.workflow_task_completed_event_id != completed.event_id:
            event_id = record.attributes.workflow_task_completed_event_id
            yield f"it refers to the completed event {event_id}, and stands behind {completed.event_id}"
        if record.time_us != completed.time_us:
            yield f"it happened at {record.time_us}, and was asked for at {completed.time_us}"
        if isinstance(record.attributes, ActivityTaskCancelRequested):
            self._asked_to_stop.add(record.attributes.scheduled_event_id)

    def _was_settled_here(self, record: HistoryEvent) -> bool:
        """An activity that waited for its next attempt is over as soon as its cancellation is asked for; what is sent
        to a workflow that cannot be there fails at once."""
        attributes = record.attributes
        if isinstance(attributes, SignalExternalWorkflowExecutionFailed | RequestCancelExternalWorkflowExecutionFailed):
            completed = self._completed
            return completed is not None and attributes.initiated_event_id > completed.event_id
        return isinstance(attributes, ActivityTaskCanceled) and attributes.scheduled_event_id in self._asked_to_stop
