"""Child workflows, and what is sent to other workflows: each is asked for, then answered once, by who was asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perdure.protocol import child_workflow as child, external_workflow as external
from perdure.protocol.events import HistoryEvent

_OUTCOMES = (
    child.ChildWorkflowExecutionCompleted,
    child.ChildWorkflowExecutionFailed,
    child.ChildWorkflowExecutionCanceled,
    child.ChildWorkflowExecutionTimedOut,
    child.ChildWorkflowExecutionTerminated,
)
_ANSWERS: dict[type[Any], type[Any]] = {
    external.ExternalWorkflowExecutionSignaled: external.SignalExternalWorkflowExecutionInitiated,
    external.SignalExternalWorkflowExecutionFailed: external.SignalExternalWorkflowExecutionInitiated,
    external.ExternalWorkflowExecutionCancelRequested: external.RequestCancelExternalWorkflowExecutionInitiated,
    external.RequestCancelExternalWorkflowExecutionFailed: external.RequestCancelExternalWorkflowExecutionInitiated,
}
_ASKED = tuple(set(_ANSWERS.values()))


class Children:
    def __init__(self) -> None:
        self._initiated: dict[int, HistoryEvent] = {}
        self._started: dict[int, HistoryEvent] = {}
        self._asked: dict[int, HistoryEvent] = {}

    def take(self, record: HistoryEvent) -> Iterator[str]:
        attributes = record.attributes
        if isinstance(attributes, child.StartChildWorkflowExecutionInitiated):
            self._initiated[record.event_id] = record
        elif isinstance(attributes, child.ChildWorkflowExecutionStarted):
            yield from self._start(record)
        elif isinstance(attributes, child.StartChildWorkflowExecutionFailed):
            if attributes.initiated_event_id in self._started:
                yield "it was started before"
            yield from self._end(record)
        elif isinstance(attributes, _OUTCOMES):
            started = self._started.get(attributes.initiated_event_id)
            if started is None:
                yield "the child was not started"
            elif attributes.started_event_id != started.event_id:
                yield f"it refers to event {attributes.started_event_id}, and was started by {started.event_id}"
            yield from self._end(record)
        elif isinstance(attributes, _ASKED):
            self._asked[record.event_id] = record
        elif type(attributes) in _ANSWERS:
            yield from self._answer(record)

    def _start(self, record: HistoryEvent) -> Iterator[str]:
        event_id = record.attributes.initiated_event_id
        if event_id not in self._initiated:
            yield f"no child that event {event_id} asked for is pending"
        if event_id in self._started:
            yield "it was started before"
        self._started[event_id] = record

    def _end(self, record: HistoryEvent) -> Iterator[str]:
        attributes = record.attributes
        initiated = self._initiated.pop(attributes.initiated_event_id, None)
        if initiated is None:
            yield f"no child that event {attributes.initiated_event_id} asked for is pending"
        elif attributes.workflow_id != initiated.attributes.workflow_id:
            yield f"it is about workflow {attributes.workflow_id!r}, and {initiated.attributes.workflow_id!r} was asked"

    def _answer(self, record: HistoryEvent) -> Iterator[str]:
        attributes = record.attributes
        asked = self._asked.pop(attributes.initiated_event_id, None)
        if asked is None or type(asked.attributes) is not _ANSWERS[type(attributes)]:
            yield f"event {attributes.initiated_event_id} waits for no such answer"
        elif attributes.workflow_id != asked.attributes.workflow_id:
            yield f"it is about workflow {attributes.workflow_id!r}, and {asked.attributes.workflow_id!r} was asked"
