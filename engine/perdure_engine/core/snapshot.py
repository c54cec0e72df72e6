"""Snapshots: mutable state as bytes, so that a long run need not be folded from its first event."""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import Any

from perdure.protocol.codec import CODEC_VERSION, DecodeError, pack, unpack
from perdure.protocol.events import EVENTS, EventBuffered, EventType
from perdure.protocol.failure import decode_failure_or_none
from perdure.protocol.replies import ExecutionStatus
from perdure_engine.core.state import (
    ActivityPhase,
    ActivityState,
    BufferedEvent,
    MutableState,
    TimerPhase,
    TimerState,
    WorkflowTaskState,
)


def _row(value: Any) -> tuple[Any, ...]:
    """The fields of a flat dataclass, messages left as they are."""
    return tuple([getattr(value, item.name) for item in fields(value)])


def encode_snapshot(state: MutableState) -> bytes:
    """The state of an open run, but for `recent`, which only the history holds."""
    task = state.workflow_task
    return pack(
        (
            CODEC_VERSION,
            (state.namespace, state.workflow_id, state.run_id, state.shard_id),
            state.started,
            state.start_time_us,
            state.next_event_id,
            state.batch_no,
            state.history_size_bytes,
            None if task is None else _row(task),
            state.last_completed_event_id,
            state.sticky_worker,
            [_row(activity) for activity in state.activities.values()],
            [astuple(timer) for timer in state.timers.values()],
            [(item.time_us, item.event) for item in state.buffered],
            state.cancel_requested,
            state.signal_count,
            list(state.request_ids),
        )
    )


def decode_snapshot(data: bytes) -> MutableState:
    """The inverse of `encode_snapshot`; `recent` is unknown (None).

    Raises:
        DecodeError: malformed, or written by a newer version.
    """
    row = unpack(data)
    if type(row) is not tuple or not row or row[0] != CODEC_VERSION:
        raise DecodeError("a snapshot of another version; delete it, and the run is folded from its history")
    (_, names, started, start_time_us, next_event_id, batch_no, size, task, completed, sticky) = row[:10]
    (activities, timers, buffered, cancel_requested, signal_count, request_ids) = row[10:16]
    state = MutableState(
        *names, EVENTS.decode(EventType.WORKFLOW_EXECUTION_STARTED, started), start_time_us, ExecutionStatus.RUNNING
    )
    state.next_event_id = next_event_id
    state.batch_no = batch_no
    state.history_size_bytes = size
    if task is not None:
        state.workflow_task = WorkflowTaskState(*task[:4], last_failure=decode_failure_or_none(task[4]))
    state.last_completed_event_id = completed
    state.sticky_worker = sticky
    for fields_ in activities:
        activity = ActivityState(*fields_)
        activity.attributes = EVENTS.decode(EventType.ACTIVITY_TASK_SCHEDULED, activity.attributes)
        activity.phase = ActivityPhase(activity.phase)
        activity.last_failure = decode_failure_or_none(activity.last_failure)
        state.activities[activity.scheduled_event_id] = activity
        state.activity_ids[activity.attributes.activity_id] = activity.scheduled_event_id
    for timer_id, started_event_id, fire_at_us, phase in timers:
        state.timers[timer_id] = TimerState(timer_id, started_event_id, fire_at_us, TimerPhase(phase))
    for time_us, (event_type, attributes) in buffered:
        event = EventBuffered(event_type, EVENTS.decode(event_type, attributes))
        state.buffered.append(BufferedEvent(time_us, event, stored=True))
    state.cancel_requested = cancel_requested
    state.signal_count = signal_count
    state.request_ids = dict.fromkeys(request_ids, 1)
    state.recent = None
    return state
