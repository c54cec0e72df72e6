"""The census: what there was to do in a world, counted in what its store holds at the end."""

from __future__ import annotations

from collections import Counter

from perdure.protocol.codec import DecodeError
from perdure.protocol.events import EventType, decode_records
from perdure.protocol.replies import ExecutionStatus
from perdure_store.memory import MemoryDatabase

COUNTED = {
    EventType.ACTIVITY_TASK_SCHEDULED: "activities",
    EventType.ACTIVITY_ATTEMPT_FAILED: "failed attempts",
    EventType.ACTIVITY_TASK_TIMED_OUT: "activities timed out",
    EventType.TIMER_STARTED: "timers",
    EventType.WORKFLOW_EXECUTION_SIGNALED: "signals",
    EventType.WORKFLOW_EXECUTION_CANCEL_REQUESTED: "cancellations",
    EventType.WORKFLOW_TASK_COMPLETED: "workflow tasks",
    EventType.WORKFLOW_TASK_FAILED: "failed workflow tasks",
    EventType.CHILD_WORKFLOW_EXECUTION_STARTED: "children",
    EventType.EXTERNAL_WORKFLOW_EXECUTION_SIGNALED: "signals to other workflows",
    EventType.WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "updates",
    EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW: "continued runs",
    EventType.EVENT_BUFFERED: "buffered events",
}


def take_census(database: MemoryDatabase) -> Counter[str]:
    """Workflows by status, and what their histories tell of. A history that cannot be read is the auditor's matter."""
    counts: Counter[str] = Counter(workflows=len(database.executions))
    for execution in database.executions.values():
        counts[f"workflows {ExecutionStatus(execution.status).name.lower()}"] += 1
    for history in database.history.values():
        for row in history.values():
            counts["history rows"] += 1
            try:
                records = decode_records(row.data)
            except DecodeError:
                continue
            for record in records:
                name = COUNTED.get(EventType(record.event_type))
                if name is not None:
                    counts[name] += 1
    for activity in database.activities.values():
        counts["activities without a workflow"] += 1
        counts[f"activities without a workflow {ExecutionStatus(activity.status).name.lower()}"] += 1
    counts["dead letters"] = len(database.dead_letters)
    return counts
