"""Events of the run itself: what an earlier version wrote has no successor and no schedule."""

from __future__ import annotations

from perdure.protocol.codec import pack, unpack
from perdure.protocol.events import EVENTS, EventType
from perdure.protocol.execution_events import (
    WorkflowExecutionCompleted,
    WorkflowExecutionStarted,
    WorkflowExecutionTimedOut,
)


def test_events_of_before_chains_are_read() -> None:
    started = EVENTS.decode(int(EventType.WORKFLOW_EXECUTION_STARTED), unpack(pack(("Order", "q", b"in", "order-7"))))
    assert started == WorkflowExecutionStarted("Order", "q", b"in", "order-7")
    assert (started.initiator, started.cron_schedule, started.continued_failure) == (0, "", None)
    completed = EVENTS.decode(int(EventType.WORKFLOW_EXECUTION_COMPLETED), unpack(pack((b"out", 4))))
    assert completed == WorkflowExecutionCompleted(b"out", 4, "")
    timed_out = EVENTS.decode(int(EventType.WORKFLOW_EXECUTION_TIMED_OUT), unpack(pack((3,))))
    assert timed_out == WorkflowExecutionTimedOut(3, "")
