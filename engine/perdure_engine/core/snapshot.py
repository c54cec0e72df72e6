"""Snapshots: mutable state as bytes, so that a long run need not be folded from its first event.

A snapshot is a message like those of the protocol: fields are only ever appended, with a default. It holds what the
fold of the history would give, and so neither `recent` events nor the times of heartbeats, nor updates that only
memory knows of.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from perdure.protocol.codec import CODEC_VERSION, DecodeError, pack, shown, struct_decoder, unpack
from perdure.protocol.content import join_hashes, split_hashes
from perdure.protocol.deployment import VersionStamp, decode_stamp
from perdure.protocol.events import (
    EVENTS,
    ActivityTaskScheduled,
    EventBuffered,
    EventType,
    WorkflowExecutionStarted,
)
from perdure.protocol.failure import Failure, decode_failure_or_none
from perdure.protocol.updates import UpdateDelivery, decode_delivery
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


class _WorkflowTaskRow(NamedTuple):
    scheduled_event_id: int
    scheduled_time_us: int
    attempt: int
    next_attempt_time_us: int
    last_failure: Failure | None

    @staticmethod
    def _decode_last_failure(value: Any) -> Failure | None:
        return decode_failure_or_none(value)


class _ActivityRow(NamedTuple):
    scheduled_event_id: int
    scheduled_time_us: int
    attributes: ActivityTaskScheduled
    phase: int
    attempt: int
    attempt_scheduled_time_us: int
    started_time_us: int
    reported_time_us: int
    worker: str
    last_failure: Failure | None
    cancel_requested_event_id: int
    heartbeat_details: bytes
    said_time_us: int = 0
    is_detached: bool = False
    is_paused: bool = False
    is_parked: bool = False
    is_interrupted: bool = False
    is_reset: bool = False
    forgets_heartbeat: bool = False
    attempt_base: int = 0

    @staticmethod
    def _decode_attributes(value: Any) -> Any:
        return EVENTS.decode(int(EventType.ACTIVITY_TASK_SCHEDULED), value)

    @staticmethod
    def _decode_last_failure(value: Any) -> Failure | None:
        return decode_failure_or_none(value)


class _TimerRow(NamedTuple):
    timer_id: str
    started_event_id: int
    fire_at_us: int
    phase: int


class _ChildRow(NamedTuple):
    initiated_event_id: int
    completed_event_id: int
    namespace: str
    workflow_id: str
    workflow_type: str
    parent_close_policy: int
    phase: int
    started_event_id: int
    held_cancels: tuple[int, ...]


class _BaseRow(NamedTuple):
    reset_event_id: int
    run_id: str


class _ExternalRow(NamedTuple):
    initiated_event_id: int
    completed_event_id: int
    namespace: str
    workflow_id: str
    run_id: str
    child_initiated_event_id: int
    reason: str
    phase: int


class _BufferedRow(NamedTuple):
    time_us: int
    event_type: int
    attributes: Any
    started_time_us: int = 0
    identity: str = ""
    attempt: int = 0


_workflow_task = struct_decoder(_WorkflowTaskRow)
_activity = struct_decoder(_ActivityRow)
_timer = struct_decoder(_TimerRow)
_child = struct_decoder(_ChildRow)
_external = struct_decoder(_ExternalRow)
_base = struct_decoder(_BaseRow)
_buffered = struct_decoder(_BufferedRow)


class _UpdateRow(NamedTuple):
    update_id: str
    accepted_event_id: int
    phase: int
    completed_batch_no: int


_update = struct_decoder(_UpdateRow)


class _Snapshot(NamedTuple):
    namespace: str
    workflow_id: str
    run_id: str
    shard_id: int
    started: WorkflowExecutionStarted
    start_time_us: int
    next_event_id: int
    batch_no: int
    history_size_bytes: int
    workflow_task: _WorkflowTaskRow | None
    last_completed_event_id: int
    sticky_worker: str
    activities: tuple[_ActivityRow, ...]
    timers: tuple[_TimerRow, ...]
    buffered: tuple[_BufferedRow, ...]
    cancel_requested: bool
    signal_count: int
    request_ids: tuple[str, ...]
    memo: bytes | None = None
    search_attributes: bytes | None = None
    first_task_us: int = 0
    children: tuple[_ChildRow, ...] = ()
    content: bytes = b""
    content_sizes: tuple[int, ...] = ()
    external_signals: tuple[_ExternalRow, ...] = ()
    external_cancels: tuple[_ExternalRow, ...] = ()
    updates: tuple[_UpdateRow, ...] = ()
    bases: tuple[_BaseRow, ...] = ()
    admitted: tuple[UpdateDelivery, ...] = ()
    version: VersionStamp | None = None

    @staticmethod
    def _decode_version(value: Any) -> VersionStamp | None:
        return decode_stamp(value)

    @staticmethod
    def _decode_started(value: Any) -> Any:
        return EVENTS.decode(int(EventType.WORKFLOW_EXECUTION_STARTED), value)

    @staticmethod
    def _decode_workflow_task(value: Any) -> Any:
        return None if value is None else _workflow_task(value)

    @staticmethod
    def _decode_activities(value: Any) -> tuple[_ActivityRow, ...]:
        return tuple([_activity(row) for row in value])

    @staticmethod
    def _decode_timers(value: Any) -> tuple[_TimerRow, ...]:
        return tuple([_timer(row) for row in value])

    @staticmethod
    def _decode_children(value: Any) -> tuple[_ChildRow, ...]:
        return tuple([_child(row) for row in value])

    @staticmethod
    def _decode_bases(value: Any) -> tuple[_BaseRow, ...]:
        return tuple([_base(row) for row in value])

    @staticmethod
    def _decode_external_signals(value: Any) -> tuple[_ExternalRow, ...]:
        return tuple([_external(row) for row in value])

    @staticmethod
    def _decode_external_cancels(value: Any) -> tuple[_ExternalRow, ...]:
        return tuple([_external(row) for row in value])

    @staticmethod
    def _decode_admitted(value: Any) -> tuple[UpdateDelivery, ...]:
        return tuple([decode_delivery(row) for row in value])

    @staticmethod
    def _decode_updates(value: Any) -> tuple[_UpdateRow, ...]:
        return tuple([_update(row) for row in value])

    @staticmethod
    def _decode_buffered(value: Any) -> tuple[_BufferedRow, ...]:
        return tuple([_buffered(row) for row in value])


_snapshot = struct_decoder(_Snapshot)


def encode_snapshot(state: MutableState) -> bytes:
    """The state of an open run after a sealed batch: what is buffered must be stored."""
    task = state.workflow_task
    snapshot = _Snapshot(
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
        tuple([_BufferedRow(item.time_us, *item.event) for item in state.buffered]),
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
        tuple([_BaseRow(*base) for base in state.bases]),
        tuple([update.delivery for update in state.admitted.values() if update.is_stored]),
        state.version,
    )
    return pack((CODEC_VERSION, snapshot))


def _workflow_task_row(task: WorkflowTaskState) -> _WorkflowTaskRow:
    return _WorkflowTaskRow(
        task.scheduled_event_id, task.scheduled_time_us, task.attempt, task.next_attempt_time_us, task.last_failure
    )


def _activity_row(activity: ActivityState) -> _ActivityRow:
    return _ActivityRow(
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


def _update_row(update: UpdateState) -> _UpdateRow:
    return _UpdateRow(update.update_id, update.accepted_event_id, update.phase, update.completed_batch_no)


def _timer_row(timer: TimerState) -> _TimerRow:
    return _TimerRow(timer.timer_id, timer.started_event_id, timer.fire_at_us, timer.phase)


def _child_row(child: ChildState) -> _ChildRow:
    return _ChildRow(
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


def _external_rows(pending: dict[int, ExternalState]) -> tuple[_ExternalRow, ...]:
    return tuple(
        [
            _ExternalRow(
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


def _external_states(rows: tuple[_ExternalRow, ...]) -> dict[int, ExternalState]:
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
    row: _Snapshot = _snapshot(whole[1])
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


def _activity_state(row: _ActivityRow) -> ActivityState:
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
