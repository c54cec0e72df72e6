"""What people send: each signal once, one request to cancel a run, and both before outcomes that waited with them."""

from __future__ import annotations

from collections.abc import Iterator

from perdure.protocol.events import EventType, HistoryEvent, WorkflowExecutionCancelRequested, WorkflowExecutionSignaled
from tests.legality.kinds import KIND_OF, SENT_BY_PEOPLE, Kind


class Outside:
    def __init__(self) -> None:
        self._signals: set[str] = set()
        self._canceled = False
        self._after_outcome = False

    def take(self, record: HistoryEvent) -> Iterator[str]:
        if not record.event_id:
            return
        if record.event_type in SENT_BY_PEOPLE:
            if self._after_outcome:
                yield "it stands behind an outcome that the same workflow task is to see"
        elif record.event_type != EventType.WORKFLOW_EXECUTION_UPDATE_ADMITTED:  # which people sent as well
            self._after_outcome = KIND_OF.get(record.event_type) is Kind.OUTSIDE
        if isinstance(record.attributes, WorkflowExecutionSignaled):
            if record.attributes.request_id in self._signals:
                yield f"the signal {record.attributes.request_id!r} stands here twice"
            self._signals.add(record.attributes.request_id)
        elif isinstance(record.attributes, WorkflowExecutionCancelRequested):
            if self._canceled:
                yield "the run was asked to cancel before"
            self._canceled = True
