"""Events of activities: what an earlier version wrote has no priority, no summary and no base of its attempts."""

from __future__ import annotations

from perdure.protocol.activity_events import (
    ActivityAttemptFailed,
    ActivityTaskFailed,
    ActivityTaskScheduled,
    ActivityTaskStarted,
)
from perdure.protocol.codec import pack, unpack
from perdure.protocol.events import EVENTS, EventType
from perdure.protocol.failure import Failure
from perdure.protocol.retry import RetryPolicyData

FAILURE = Failure("no")


def test_events_of_before_priorities_are_read() -> None:
    written = pack(("1", "charge", "q", b"in", 0, 0, 5_000, 0, (), 4))
    scheduled = EVENTS.decode(int(EventType.ACTIVITY_TASK_SCHEDULED), unpack(written))
    assert scheduled == ActivityTaskScheduled("1", "charge", "q", b"in", 0, 0, 5_000, 0, RetryPolicyData(), 4)
    assert (scheduled.headers, scheduled.priority, scheduled.summary) == (b"", 3, "")


def test_failures_within_are_failures_again() -> None:
    started = ActivityTaskStarted(5, "worker", 2, FAILURE)
    failed = ActivityTaskFailed(FAILURE, 5, 6, "worker", 1)
    attempt = ActivityAttemptFailed(5, 1, FAILURE, "worker", 9)
    for kind, event in (
        (EventType.ACTIVITY_TASK_STARTED, started),
        (EventType.ACTIVITY_TASK_FAILED, failed),
        (EventType.ACTIVITY_ATTEMPT_FAILED, attempt),
    ):
        decoded = EVENTS.decode(int(kind), unpack(pack(event)))
        assert (type(decoded), decoded) == (type(event), event)
