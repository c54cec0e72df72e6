"""Timers: started once at a time, then fired, not too early, or cancelled."""

from __future__ import annotations

from collections.abc import Iterator

from perdure.protocol.events import HistoryEvent, TimerCanceled, TimerFired, TimerStarted


class Timers:
    def __init__(self) -> None:
        self._pending: dict[str, HistoryEvent] = {}

    def take(self, record: HistoryEvent) -> Iterator[str]:
        attributes = record.attributes
        if isinstance(attributes, TimerStarted):
            if attributes.timer_id in self._pending:
                yield f"timer {attributes.timer_id!r} is pending"
            if attributes.start_to_fire_timeout_ms < 0:
                yield "it is to fire before it was started"
            self._pending[attributes.timer_id] = record
        elif isinstance(attributes, TimerFired | TimerCanceled):
            started = self._pending.pop(attributes.timer_id, None)
            if started is None:
                yield f"timer {attributes.timer_id!r} is not pending"
                return
            if attributes.started_event_id != started.event_id:
                yield f"it refers to event {attributes.started_event_id}, and was started by {started.event_id}"
            due_us = started.time_us + started.attributes.start_to_fire_timeout_ms * 1000
            if isinstance(attributes, TimerFired) and record.time_us < due_us:
                yield f"it fired at {record.time_us}, and was due at {due_us}"
