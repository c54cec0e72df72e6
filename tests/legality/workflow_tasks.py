"""Workflow tasks: scheduled, started and closed in threes that refer to each other, attempts counted without a gap."""

from __future__ import annotations

from collections.abc import Iterator

from perdure.protocol.events import (
    RESET_CAUSE,
    HistoryEvent,
    WorkflowExecutionStarted,
    WorkflowTaskAttemptFailed,
    WorkflowTaskCompleted,
    WorkflowTaskFailed,
    WorkflowTaskScheduled,
    WorkflowTaskStarted,
    WorkflowTaskTimedOut,
)
from tests.legality.kinds import KIND_OF, Kind


class WorkflowTasks:
    def __init__(self) -> None:
        self._task_queue = ""
        self._timeout_ms = 0
        self._scheduled: HistoryEvent | None = None
        self._started: HistoryEvent | None = None
        self._next_attempt = 1
        self._time_us = 0

    def take(self, record: HistoryEvent) -> Iterator[str]:
        attributes = record.attributes
        if isinstance(attributes, WorkflowExecutionStarted):
            self._task_queue, self._timeout_ms = attributes.task_queue, attributes.task_timeout_ms
            self._time_us = record.time_us
        elif isinstance(attributes, WorkflowTaskScheduled):
            yield from self._schedule(record, attributes)
        elif isinstance(attributes, WorkflowTaskStarted):
            yield from self._start(record, attributes)
        elif isinstance(attributes, WorkflowTaskCompleted):
            yield from self._close(record, attributes)
            self._next_attempt = 1
        elif isinstance(attributes, WorkflowTaskFailed | WorkflowTaskTimedOut):
            yield from self._close(record, attributes)
            is_reset = isinstance(attributes, WorkflowTaskFailed) and attributes.cause == RESET_CAUSE
            if self._next_attempt != 1 and not is_reset:
                yield "only the first failure in a row is an event"
            self._next_attempt = 1 if is_reset else 2
        elif isinstance(attributes, WorkflowTaskAttemptFailed):
            if attributes.attempt != self._next_attempt:
                yield f"attempt {attributes.attempt} failed, where {self._next_attempt} was out"
            if attributes.next_attempt_time_us < record.time_us:
                yield "the next attempt lies before this one"
            self._next_attempt = attributes.attempt + 1
        elif KIND_OF.get(record.event_type) is Kind.OUTSIDE:
            self._next_attempt = 1  # the next task will see something new

    def _schedule(self, record: HistoryEvent, attributes: WorkflowTaskScheduled) -> Iterator[str]:
        if self._scheduled is not None:
            yield f"workflow task {self._scheduled.event_id} is open"
        if attributes.attempt != self._next_attempt:
            yield f"attempt {attributes.attempt} is scheduled, where {self._next_attempt} comes next"
        if (attributes.task_queue, attributes.start_to_close_timeout_ms) != (self._task_queue, self._timeout_ms):
            yield f"it is {attributes}, and the run was started with {self._task_queue!r} and {self._timeout_ms} ms"
        yield from self._pass(record)
        self._scheduled = record
        self._next_attempt = attributes.attempt

    def _start(self, record: HistoryEvent, attributes: WorkflowTaskStarted) -> Iterator[str]:
        if self._scheduled is None or attributes.scheduled_event_id != self._scheduled.event_id:
            yield f"it starts task {attributes.scheduled_event_id}, and {self._scheduled} is scheduled"
        yield from self._pass(record)
        self._started = record

    def _close(
        self, record: HistoryEvent, attributes: WorkflowTaskCompleted | WorkflowTaskFailed | WorkflowTaskTimedOut
    ) -> Iterator[str]:
        scheduled = self._scheduled.event_id if self._scheduled is not None else 0
        started = self._started.event_id if self._started is not None else 0
        if (attributes.scheduled_event_id, attributes.started_event_id) != (scheduled, started):
            refers = (attributes.scheduled_event_id, attributes.started_event_id)
            yield f"it refers to the events {refers}, not to {(scheduled, started)}"
        yield from self._pass(record)
        self._scheduled = self._started = None

    def _pass(self, record: HistoryEvent) -> Iterator[str]:
        """The events of workflow tasks are in order of time."""
        if record.time_us < self._time_us:
            yield f"it happened at {record.time_us}, after {self._time_us}"
        self._time_us = max(self._time_us, record.time_us)
