"""A pen for histories in tests: it numbers events and moves time on, and writes whatever it is told to."""

from __future__ import annotations

from typing import Any

from perdure.protocol.events import (
    EVENTS,
    ActivityTaskScheduled,
    EventBuffered,
    HistoryEvent,
    TimerStarted,
    WorkflowExecutionStarted,
    WorkflowTaskCompleted,
    WorkflowTaskScheduled,
    WorkflowTaskStarted,
)
from perdure.protocol.retry import RetryPolicyData

START_US = 1_000_000
STEP_US = 1_000


class Pen:
    """Attributes:
    records: what was written.
    now_us: the time of the next record; `tick` moves it on.
    """

    def __init__(self) -> None:
        self.records: list[HistoryEvent] = []
        self.now_us = START_US
        self._next_event_id = 1

    def tick(self, us: int = STEP_US) -> None:
        self.now_us += us

    def event(self, attributes: Any, *, at_us: int | None = None) -> int:
        """Write an event; returns its id."""
        event_id = self._next_event_id
        self._next_event_id += 1
        self._write(event_id, attributes, at_us)
        return event_id

    def note(self, attributes: Any) -> None:
        """Write an annotation."""
        self._write(0, attributes, None)

    def hold(self, attributes: Any, *, began_us: int = 0, identity: str = "", attempt: int = 0) -> int:
        """Write down that an event waits in the buffer. Returns when it happened."""
        self.note(EventBuffered(EVENTS.kind_of[type(attributes)], attributes, began_us, identity, attempt))
        return self.now_us

    def _write(self, event_id: int, attributes: Any, at_us: int | None) -> None:
        time_us = self.now_us if at_us is None else at_us
        self.records.append(HistoryEvent(event_id, time_us, EVENTS.kind_of[type(attributes)], attributes))

    # What stands in most histories ---------------------------------------------------------------------------------
    def begin(self) -> None:
        self.event(WorkflowExecutionStarted("Order", "orders", workflow_id="order-1", request_id="start"))
        self.schedule()

    def schedule(self, attempt: int = 1) -> int:
        return self.event(WorkflowTaskScheduled("orders", 10_000, attempt))

    def complete(self) -> int:
        """The workflow task that was scheduled last is started and completed. Returns the id of the completed event."""
        scheduled = max(
            record.event_id for record in self.records if isinstance(record.attributes, WorkflowTaskScheduled)
        )
        started = self.event(WorkflowTaskStarted(scheduled, "worker"))
        self.tick()
        return self.event(WorkflowTaskCompleted(scheduled, started, "worker"))

    def activity(self, completed: int, activity_id: str = "1", policy: RetryPolicyData | None = None) -> int:
        policy = policy or RetryPolicyData()
        scheduled = ActivityTaskScheduled(activity_id, "pay", "orders", b"", 0, 0, 5_000, 0, policy, completed)
        return self.event(scheduled)

    def timer(self, completed: int, timer_id: str = "1", ms: int = 1) -> int:
        return self.event(TimerStarted(timer_id, ms, completed))
