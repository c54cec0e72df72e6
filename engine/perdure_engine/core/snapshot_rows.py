"""The message that a snapshot is, and the rows in it.

Rules: as for messages of the protocol: fields are only ever appended, with a default.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from perdure.protocol.codec import struct_decoder
from perdure.protocol.deployment import VersionStamp
from perdure.protocol.events import ActivityTaskScheduled, WorkflowExecutionStarted
from perdure.protocol.failure import Failure
from perdure.protocol.updates import UpdateDelivery


class WorkflowTaskRow(NamedTuple):
    scheduled_event_id: int
    scheduled_time_us: int
    attempt: int
    next_attempt_time_us: int
    last_failure: Failure | None


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


class UpdateRow(NamedTuple):
    update_id: str
    accepted_event_id: int
    phase: int
    completed_batch_no: int


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


snapshot_of = struct_decoder(Snapshot)
