"""Updates: accepted once, and completed at most once, after that; admitted by a reset at most once, before that."""

from __future__ import annotations

from collections.abc import Iterator

from perdure.protocol.events import HistoryEvent
from perdure.protocol.updates import (
    UpdateForgotten,
    WorkflowExecutionUpdateAccepted,
    WorkflowExecutionUpdateAdmitted,
    WorkflowExecutionUpdateCompleted,
)


class Updates:
    def __init__(self) -> None:
        self._accepted: dict[str, int] = {}
        self._completed: set[str] = set()
        self._admitted: set[str] = set()

    def take(self, record: HistoryEvent) -> Iterator[str]:
        attributes = record.attributes
        if isinstance(attributes, WorkflowExecutionUpdateAccepted):
            update_id = attributes.protocol_instance_id
            if update_id in self._accepted:
                yield f"the update {update_id!r} was accepted before, by event {self._accepted[update_id]}"
            if attributes.accepted_request_sequencing_event_id != attributes.workflow_task_completed_event_id - 2:
                yield "it did not take effect behind the events that its workflow task showed"
            self._accepted[update_id] = record.event_id
            self._admitted.discard(update_id)
        elif isinstance(attributes, WorkflowExecutionUpdateCompleted):
            if self._accepted.get(attributes.update_id) != attributes.accepted_event_id:
                yield f"event {attributes.accepted_event_id} did not accept the update {attributes.update_id!r}"
            if attributes.update_id in self._completed:
                yield f"the update {attributes.update_id!r} was completed before"
            self._completed.add(attributes.update_id)
        elif isinstance(attributes, WorkflowExecutionUpdateAdmitted):
            if attributes.update_id in self._accepted or attributes.update_id in self._admitted:
                yield f"the update {attributes.update_id!r} was admitted or accepted before"
            self._admitted.add(attributes.update_id)
        elif isinstance(attributes, UpdateForgotten):
            if attributes.update_id not in self._admitted:
                yield f"the update {attributes.update_id!r} was not waiting"
            self._admitted.discard(attributes.update_id)
