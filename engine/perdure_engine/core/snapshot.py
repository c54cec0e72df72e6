"""Snapshots: mutable state as bytes, so that a long run need not be folded from its first event.

A snapshot holds what the fold of the history would give, and so neither `recent` events nor the times of heartbeats,
nor updates that only memory knows of.
"""

from __future__ import annotations

from typing import TypeVar

from perdure.protocol.codec import CODEC_VERSION, DecodeError, pack, shown, unpack
from perdure.protocol.content import join_hashes, split_hashes
from perdure.protocol.events import EVENTS, EventBuffered
from perdure_engine.core.snapshot_rows import (
    ActivityRow,
    BaseRow,
    BufferedRow,
    ChildRow,
    ExternalRow,
    Snapshot,
    TimerRow,
    UpdateRow,
    WorkflowTaskRow,
    snapshot_of,
)
from perdure_engine.core.state import (
    ActivityPhase,
    ActivityState,
    AdmittedUpdate,
    BufferedEvent,
    ChildPhase,
    ChildState,
    ExternalPhase,
    ExternalState,
    MutableState,
    TimerPhase,
    TimerState,
    UpdatePhase,
    UpdateState,
    WorkflowTaskState,
)


def encode_snapshot(state: MutableState) -> bytes:
    """The state of an open run after a sealed batch: what is buffered must be stored."""
    task = state.workflow_task
    snapshot = Snapshot(
        state.namespace,
        state.workflow_id,
        state.run_id,
        state.shard_id,
        state.started,
        state.start_time_us,
        state.next_event_id,
        state.batch_no,
        state.history_size_bytes,
        None if task is None or task.is_speculative else _workflow_task_row(task),
        state.last_completed_event_id,
        state.sticky_worker,
        tuple([_activity_row(activity) for activity in state.activities.values()]),
        tuple([_timer_row(timer) for timer in state.timers.values()]),
        tuple([BufferedRow(item.time_us, *item.event) for item in state.buffered]),
        state.cancel_requested,
        state.signal_count,
        tuple(state.request_ids),
        None if state.memo == state.started.memo else state.memo,
        None if state.search_attributes == state.started.search_attributes else state.search_attributes,
        state.first_task_us,
        tuple([_child_row(child) for child in state.children.values()]),
        join_hashes(state.content),
        tuple(state.content.values()),
        _external_rows(state.external_signals),
        _external_rows(state.external_cancels),
        tuple([_update_row(update) for update in state.updates.values()]),
        tuple([BaseRow(*base) for base in state.bases]),
        tuple([update.delivery for update in state.admitted.values() if update.is_stored]),
        state.version,
    )
    return pack((CODEC_VERSION, snapshot))


def _workflow_task_row(task: WorkflowTaskState) -> WorkflowTaskRow:
    return WorkflowTaskRow(
        task.scheduled_event_id, task.scheduled_time_us, task.attempt, task.next_attempt_time_us, task.last_failure
    )


def _activity_row(activity: ActivityState) -> ActivityRow:
    return ActivityRow(
        activity.scheduled_event_id,
        activity.scheduled_time_us,
        activity.attributes,
        activity.phase,
        activity.attempt,
        activity.attempt_scheduled_time_us,
        activity.started_time_us,
        activity.reported_time_us,
        activity.worker,
        activity.last_failure,
        activity.cancel_requested_event_id,
        activity.heartbeat_details,
        activity.said_time_us,
        activity.is_detached,
        activity.is_paused,
        activity.is_parked,
        activity.is_interrupted,
        activity.is_reset,
        activity.forgets_heartbeat,
        activity.attempt_base,
    )


def _update_row(update: UpdateState) -> UpdateRow:
    return UpdateRow(update.update_id, update.accepted_event_id, update.phase, update.completed_batch_no)


def _timer_row(timer: TimerState) -> TimerRow:
    return TimerRow(timer.timer_id, timer.started_event_id, timer.fire_at_us, timer.phase)


def _child_row(child: ChildState) -> ChildRow:
    return ChildRow(
        child.initiated_event_id,
        child.completed_event_id,
        child.namespace,
        child.workflow_id,
        child.workflow_type,
        child.parent_close_policy,
        child.phase,
        child.started_event_id,
        child.held_cancels,
    )


def _external_rows(pending: dict[int, ExternalState]) -> tuple[ExternalRow, ...]:
    return tuple(
        [
            ExternalRow(
                item.initiated_event_id,
                item.completed_event_id,
                item.namespace,
                item.workflow_id,
                item.run_id,
                item.child_initiated_event_id,
                item.reason,
                item.phase,
            )
            for item in pending.values()
        ]
    )


def _external_states(rows: tuple[ExternalRow, ...]) -> dict[int, ExternalState]:
    return {row.initiated_event_id: ExternalState(*row[:7], _known(ExternalPhase, row.phase)) for row in rows}


def decode_snapshot(data: bytes) -> MutableState:
    """The inverse of `encode_snapshot`; `recent` is unknown (None) until the next workflow task completes.

    Raises:
        DecodeError: malformed, or of another version; the run can still be folded from its history.
    """
    whole = unpack(data)
    if type(whole) is not tuple or len(whole) != 2:
        raise DecodeError("a snapshot must be an array of version and fields")
    if whole[0] != CODEC_VERSION:
        raise DecodeError(f"snapshot has codec version {shown(whole[0])}, this version reads {CODEC_VERSION}")
    row: Snapshot = snapshot_of(whole[1])
    state = MutableState(
        row.namespace,
        row.workflow_id,
        row.run_id,
        row.shard_id,
        row.started,
        row.start_time_us,
        next_event_id=row.next_event_id,
        batch_no=row.batch_no,
        history_size_bytes=row.history_size_bytes,
        workflow_task=None if row.workflow_task is None else WorkflowTaskState(*row.workflow_task),
        last_completed_event_id=row.last_completed_event_id,
        sticky_worker=row.sticky_worker,
        cancel_requested=row.cancel_requested,
        signal_count=row.signal_count,
        request_ids=dict.fromkeys(row.request_ids, 1),
        recent=None,
        memo=row.started.memo if row.memo is None else row.memo,
        search_attributes=row.started.search_attributes if row.search_attributes is None else row.search_attributes,
        first_task_us=row.first_task_us or row.start_time_us + row.started.start_delay_ms * 1000,
        content=dict(zip(split_hashes(row.content), row.content_sizes, strict=True)),
        version=row.version,
    )
    state.bases = [(base.reset_event_id, base.run_id) for base in row.bases]
    for item in row.activities:
        state.activities[item.scheduled_event_id] = _activity_state(item)
        state.activity_ids[item.attributes.activity_id] = item.scheduled_event_id
    for timer in row.timers:
        state.timers[timer.timer_id] = TimerState(*timer[:3], _known(TimerPhase, timer.phase))
        state.timer_ids[timer.started_event_id] = timer.timer_id
    for child in row.children:
        phase = _known(ChildPhase, child.phase)
        state.children[child.initiated_event_id] = ChildState(*child[:6], phase, *child[7:])
    state.external_signals = _external_states(row.external_signals)
    state.external_cancels = _external_states(row.external_cancels)
    for update in row.updates:
        update_phase = _known(UpdatePhase, update.phase)
        state.updates[update.update_id] = UpdateState(*update[:2], update_phase, update.completed_batch_no)
    for delivery in row.admitted:
        state.admitted[delivery.update_id] = AdmittedUpdate(delivery, is_stored=True)
    for held in row.buffered:
        event = EventBuffered(*held[1:])
        event = event._replace(attributes=EVENTS.decode(event.event_type, event.attributes))
        state.buffered.append(BufferedEvent(held.time_us, event, stored=True))
    return state


def _activity_state(row: ActivityRow) -> ActivityState:
    return ActivityState(
        row.scheduled_event_id,
        row.scheduled_time_us,
        row.attributes,
        _known(ActivityPhase, row.phase),
        row.attempt,
        row.attempt_scheduled_time_us,
        row.started_time_us,
        row.reported_time_us,
        row.worker,
        row.last_failure,
        row.cancel_requested_event_id,
        row.heartbeat_details,
        said_time_us=row.said_time_us,
        is_detached=row.is_detached,
        is_paused=row.is_paused,
        is_parked=row.is_parked,
        is_interrupted=row.is_interrupted,
        is_reset=row.is_reset,
        forgets_heartbeat=row.forgets_heartbeat,
        attempt_base=row.attempt_base,
    )


_Phase = TypeVar("_Phase", ActivityPhase, TimerPhase, ChildPhase, ExternalPhase, UpdatePhase)


def _known(phases: type[_Phase], value: int) -> _Phase:
    try:
        return phases(value)
    except ValueError as error:
        raise DecodeError(f"a snapshot has the phase {value}, which is not one of {phases.__name__}") from error
