"""The message that a snapshot is, and the rows in it.

Rules: as for messages of the protocol: fields are only ever appended, with a default.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from perdure.protocol.codec import struct_decoder
from perdure.protocol.deployment import VersionStamp, decode_stamp
from perdure.protocol.events import EVENTS, ActivityTaskScheduled, EventType, WorkflowExecutionStarted
from perdure.protocol.failure import Failure, decode_failure_or_none
from perdure.protocol.updates import UpdateDelivery, decode_delivery


class WorkflowTaskRow(NamedTuple):
    scheduled_event_id: int
    scheduled_time_us: int
    attempt: int
    next_attempt_time_us: int
    last_failure: Failure | None

    @staticmethod
    def _decode_last_failure(value: Any) -> Failure | None:
        return decode_failure_or_none(value)


class ActivityRow(NamedTuple):
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


class TimerRow(NamedTuple):
    timer_id: str
    started_event_id: int
    fire_at_us: int
    phase: int


class ChildRow(NamedTuple):
    initiated_event_id: int
    completed_event_id: int
    namespace: str
    workflow_id: str
    workflow_type: str
    parent_close_policy: int
    phase: int
    started_event_id: int
    held_cancels: tuple[int, ...]


class BaseRow(NamedTuple):
    reset_event_id: int
    run_id: str


class ExternalRow(NamedTuple):
    initiated_event_id: int
    completed_event_id: int
    namespace: str
    workflow_id: str
    run_id: str
    child_initiated_event_id: int
    reason: str
    phase: int


class BufferedRow(NamedTuple):
    time_us: int
    event_type: int
    attributes: Any
    started_time_us: int = 0
    identity: str = ""
    attempt: int = 0


_workflow_task = struct_decoder(WorkflowTaskRow)
_activity = struct_decoder(ActivityRow)
_timer = struct_decoder(TimerRow)
_child = struct_decoder(ChildRow)
_external = struct_decoder(ExternalRow)
_base = struct_decoder(BaseRow)
_buffered = struct_decoder(BufferedRow)


class UpdateRow(NamedTuple):
    update_id: str
    accepted_event_id: int
    phase: int
    completed_batch_no: int


_update = struct_decoder(UpdateRow)


class Snapshot(NamedTuple):
    namespace: str
    workflow_id: str
    run_id: str
    shard_id: int
    started: WorkflowExecutionStarted
    start_time_us: int
    next_event_id: int
    batch_no: int
    history_size_bytes: int
    workflow_task: WorkflowTaskRow | None
    last_completed_event_id: int
    sticky_worker: str
    activities: tuple[ActivityRow, ...]
    timers: tuple[TimerRow, ...]
    buffered: tuple[BufferedRow, ...]
    cancel_requested: bool
    signal_count: int
    request_ids: tuple[str, ...]
    memo: bytes | None = None
    search_attributes: bytes | None = None
    first_task_us: int = 0
    children: tuple[ChildRow, ...] = ()
    content: bytes = b""
    content_sizes: tuple[int, ...] = ()
    external_signals: tuple[ExternalRow, ...] = ()
    external_cancels: tuple[ExternalRow, ...] = ()
    updates: tuple[UpdateRow, ...] = ()
    bases: tuple[BaseRow, ...] = ()
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
    def _decode_activities(value: Any) -> tuple[ActivityRow, ...]:
        return tuple([_activity(row) for row in value])

    @staticmethod
    def _decode_timers(value: Any) -> tuple[TimerRow, ...]:
        return tuple([_timer(row) for row in value])

    @staticmethod
    def _decode_children(value: Any) -> tuple[ChildRow, ...]:
        return tuple([_child(row) for row in value])

    @staticmethod
    def _decode_bases(value: Any) -> tuple[BaseRow, ...]:
        return tuple([_base(row) for row in value])

    @staticmethod
    def _decode_external_signals(value: Any) -> tuple[ExternalRow, ...]:
        return tuple([_external(row) for row in value])

    @staticmethod
    def _decode_external_cancels(value: Any) -> tuple[ExternalRow, ...]:
        return tuple([_external(row) for row in value])

    @staticmethod
    def _decode_admitted(value: Any) -> tuple[UpdateDelivery, ...]:
        return tuple([decode_delivery(row) for row in value])

    @staticmethod
    def _decode_updates(value: Any) -> tuple[UpdateRow, ...]:
        return tuple([_update(row) for row in value])

    @staticmethod
    def _decode_buffered(value: Any) -> tuple[BufferedRow, ...]:
        return tuple([_buffered(row) for row in value])


snapshot_of = struct_decoder(Snapshot)
