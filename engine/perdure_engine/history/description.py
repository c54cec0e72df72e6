"""What a run looks like from outside: one that is open from its state, retries included; one that is closed from what
is stored."""

from __future__ import annotations

from perdure.protocol.events import EventType, decode_records
from perdure.protocol.ids import run_id_for_child
from perdure.protocol.replies import Description, PendingActivity, PendingChild, PendingWorkflowTask
from perdure_engine.core.state import ActivityPhase, ActivityState, ChildPhase, ChildState, MutableState
from perdure_store.port import ExecutionKey, Store


def describe(state: MutableState, now_us: int) -> Description:
    """What an open run looks like from outside, retries included."""
    task = state.workflow_task
    return Description(
        state.namespace,
        state.workflow_id,
        state.run_id,
        state.started.workflow_type,
        state.task_queue,
        state.status,
        state.start_time_us,
        0,
        state.next_event_id - 1,
        state.history_size_bytes,
        state.memo,
        state.search_attributes,
        tuple(
            _describe_activity(activity, now_us)
            for activity in state.activities.values()
            if activity.phase in _PENDING  # the outcome of others is known, though not yet to the workflow
        ),
        PendingWorkflowTask(task.scheduled_time_us, task.attempt, task.last_failure) if task is not None else None,
        state.started.parent,
        tuple(_describe_child(state, child) for child in state.children.values() if child.phase != ChildPhase.RESOLVED),
        state.started.summary,
        state.started.static_details,
    )


async def describe_closed(store: Store, shard_id: int, run_id: str) -> Description:
    """What a closed run looks like: from its row, and from its first event what the row does not hold."""
    [[execution]] = await store.load([ExecutionKey(shard_id, "", "", run_id)])
    rows = await store.read_history(shard_id, run_id, limit=1)
    last = await store.last_history_row(shard_id, run_id)
    row, started = execution.row, decode_records(rows[0].data)[0].attributes
    ending = [] if last is None else decode_records(last.data)
    kept = [record.attributes for record in ending if record.event_type == EventType.PROPERTIES_AT_CLOSE]
    properties = kept[0] if kept else started
    return Description(
        row.namespace,
        row.workflow_id,
        row.run_id,
        row.workflow_type,
        row.task_queue,
        row.status,
        row.start_time_us,
        row.close_time_us,
        row.history_length,
        row.history_size_bytes,
        properties.memo,
        properties.search_attributes,
        parent=started.parent,
        summary=started.summary,
        static_details=started.static_details,
    )


def _describe_child(state: MutableState, child: ChildState) -> PendingChild:
    event_id = child.initiated_event_id
    run_id = run_id_for_child(state.run_of(event_id), event_id) if child.phase == ChildPhase.STARTED else ""
    return PendingChild(child.workflow_id, run_id, child.workflow_type, event_id, child.parent_close_policy)


_PENDING = {
    ActivityPhase.SCHEDULED: "SCHEDULED",
    ActivityPhase.STARTED: "STARTED",
    ActivityPhase.CANCEL_REQUESTED: "CANCEL_REQUESTED",
}


def _state_of(activity: ActivityState) -> str:
    if activity.is_parked:
        return "PAUSED"
    if activity.is_paused and activity.phase != ActivityPhase.CANCEL_REQUESTED:
        return "PAUSE_REQUESTED"
    return _PENDING[activity.phase]


def _describe_activity(activity: ActivityState, now_us: int) -> PendingActivity:
    next_us = activity.attempt_scheduled_time_us
    return PendingActivity(
        activity.attributes.activity_id,
        activity.attributes.activity_type,
        _state_of(activity),
        activity.counted_attempt,
        activity.attributes.retry_policy.maximum_attempts,
        activity.scheduled_time_us,
        activity.started_time_us,
        next_us if next_us > now_us and not activity.is_parked else 0,
        activity.worker,
        activity.last_failure,
    )
