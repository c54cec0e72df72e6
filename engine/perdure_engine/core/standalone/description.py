"""What an execution of an activity without a workflow looks like from outside."""

from __future__ import annotations

from perdure.protocol.activity_executions import ActivityDescription
from perdure_engine.core.standalone.execution import ActivityExecution
from perdure_engine.core.state import ActivityPhase

_STATES = {
    ActivityPhase.SCHEDULED: "SCHEDULED",
    ActivityPhase.STARTED: "STARTED",
    ActivityPhase.CANCEL_REQUESTED: "CANCEL_REQUESTED",
    ActivityPhase.RESOLVED: "",
}


def describe(execution: ActivityExecution, now_us: int) -> ActivityDescription:
    attributes, outcome = execution.attributes, execution.outcome
    next_us = execution.attempt_scheduled_time_us
    return ActivityDescription(
        execution.namespace,
        attributes.activity_id,
        execution.activity_run_id,
        attributes.activity_type,
        attributes.task_queue,
        execution.status,
        _STATES[execution.phase],
        execution.counted_attempt,
        execution.scheduled_time_us,
        next_us if outcome is None and next_us > now_us else 0,
        execution.started_time_us,
        execution.close_time_us,
        execution.worker,
        execution.options,
        attributes.input,
        outcome.result if outcome is not None else b"",
        outcome.failure if outcome is not None else None,
        execution.last_failure,
        execution.heartbeat_details,
        execution.cancel_reason,
        attributes.summary,
        execution.search_attributes,
        execution.start_delay_ms,
    )
