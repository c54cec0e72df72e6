"""Events of workflow tasks: what an earlier version wrote names no version, no size and no run of a reset."""

from __future__ import annotations

from perdure.protocol.codec import pack, unpack
from perdure.protocol.deployment import VersionStamp
from perdure.protocol.events import EVENTS, EventType
from perdure.protocol.failure import Failure
from perdure.protocol.workflow_task_events import (
    WorkflowTaskAttemptFailed,
    WorkflowTaskCompleted,
    WorkflowTaskFailed,
    WorkflowTaskStarted,
)


def test_events_of_before_are_read() -> None:
    started = EVENTS.decode(int(EventType.WORKFLOW_TASK_STARTED), unpack(pack((2, "worker"))))
    assert started == WorkflowTaskStarted(2, "worker", 0)
    completed = EVENTS.decode(int(EventType.WORKFLOW_TASK_COMPLETED), unpack(pack((2, 3, "worker"))))
    assert completed == WorkflowTaskCompleted(2, 3, "worker", "", None)
    failed = EVENTS.decode(int(EventType.WORKFLOW_TASK_FAILED), unpack(pack((2, 3, "WHY", None, "worker"))))
    assert failed == WorkflowTaskFailed(2, 3, "WHY", None, "worker", "", "")


def test_what_is_within_keeps_its_type() -> None:
    completed = WorkflowTaskCompleted(2, 3, "worker", "sticky", VersionStamp("shop", "2.0", 1))
    attempt = WorkflowTaskAttemptFailed(2, "WHY", Failure("no"), "worker", 9)
    for kind, event in (
        (EventType.WORKFLOW_TASK_COMPLETED, completed),
        (EventType.WORKFLOW_TASK_ATTEMPT_FAILED, attempt),
    ):
        decoded = EVENTS.decode(int(kind), unpack(pack(event)))
        assert (type(decoded), decoded) == (type(event), event)
