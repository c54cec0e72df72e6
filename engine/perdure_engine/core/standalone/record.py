"""The record of an execution: what its row keeps beside the columns that others read; and what a task's entry tells."""

from __future__ import annotations

from typing import Any, NamedTuple

from perdure.protocol.activity_events import ActivityTaskScheduled
from perdure.protocol.activity_executions import ActivityOptions
from perdure.protocol.codec import CODEC_VERSION, DecodeError, pack, shown, struct_decoder, unpack
from perdure.protocol.failure import Failure
from perdure.protocol.payload import HeaderMap, Payloads
from perdure.protocol.replies import ExecutionStatus, Outcome
from perdure.protocol.retry import DEFAULT_RETRY_POLICY
from perdure.protocol.tasks import ActivityTask, decode_task
from perdure_engine.core.standalone.deduplicated import Deduplicated
from perdure_engine.core.standalone.execution import ActivityExecution
from perdure_engine.core.state import ActivityPhase


class Record(NamedTuple):
    """An execution, but for what its row has columns for. One that completed has no input any more."""

    options: ActivityOptions
    attempt_scheduled_time_us: int
    started_time_us: int
    worker: str
    result: Payloads = b""
    failure: Failure | None = None
    input: Payloads = b""
    headers: HeaderMap = b""
    summary: str = ""
    start_delay_ms: int = 0
    phase: int = ActivityPhase.SCHEDULED
    reported_time_us: int = 0
    said_time_us: int = 0
    is_detached: bool = False
    last_failure: Failure | None = None
    heartbeat_details: Payloads = b""
    cancel_reason: str = ""
    ended_by: str = ""
    attempt_base: int = 0
    search_attributes: bytes = b""
    deduplicated: bytes = b""


_decode = struct_decoder(Record)


def encode_record(execution: ActivityExecution) -> bytes:
    """What the row of an execution keeps, as it stands now."""
    outcome = execution.outcome
    if outcome is not None and outcome.status == ExecutionStatus.COMPLETED:
        fields: tuple[Any, ...] = (
            execution.options,
            execution.attempt_scheduled_time_us,
            execution.started_time_us,
            execution.worker,
            outcome.result,
        )
        if execution.is_kept or execution.ended_by:
            fields = (*fields, None, b"", *_details(execution))
        return pack((CODEC_VERSION, fields))
    return pack(
        (
            CODEC_VERSION,
            (
                execution.options,
                execution.attempt_scheduled_time_us,
                execution.started_time_us,
                execution.worker,
                b"",
                outcome.failure if outcome is not None else None,
                execution.attributes.input,
                *_details(execution),
            ),
        )
    )


def _details(execution: ActivityExecution) -> tuple[Any, ...]:
    return (
        execution.attributes.headers,
        execution.attributes.summary,
        execution.start_delay_ms,
        int(execution.phase),
        execution.reported_time_us,
        execution.said_time_us,
        execution.is_detached,
        execution.last_failure,
        execution.heartbeat_details,
        execution.cancel_reason,
        execution.ended_by,
        execution.attempt_base,
        execution.search_attributes,
        b"" if execution.deduplicated is None else execution.deduplicated.encode(),
    )


class Columns(NamedTuple):
    """What a row has columns for."""

    shard_id: int
    run_id: str
    number: int
    namespace: str
    activity_id: str
    activity_type: str
    task_queue: str
    status: int
    attempt: int
    scheduled_us: int
    close_time_us: int
    request_id: str


def decode_record(columns: Columns, data: bytes) -> ActivityExecution:
    """An execution from its row.

    Raises:
        DecodeError: malformed, or written by a later version.
    """
    whole = unpack(data)
    if type(whole) is not tuple or len(whole) < 2 or whole[0] != CODEC_VERSION:
        raise DecodeError(f"the record of an activity cannot be read: {shown(whole)}")
    record: Record = _decode(whole[1])
    execution = ActivityExecution(
        columns.number,
        columns.scheduled_us,
        _attributes(columns, record),
        phase=ActivityPhase(record.phase),
        attempt=columns.attempt,
        attempt_scheduled_time_us=record.attempt_scheduled_time_us,
        started_time_us=record.started_time_us,
        reported_time_us=record.reported_time_us,
        worker=record.worker,
        last_failure=record.last_failure,
        heartbeat_details=record.heartbeat_details,
        said_time_us=record.said_time_us,
        is_detached=record.is_detached,
        attempt_base=record.attempt_base,
        namespace=columns.namespace,
        run_id=columns.run_id,
        shard_id=columns.shard_id,
        request_id=columns.request_id,
        options=record.options,
        start_delay_ms=record.start_delay_ms,
        search_attributes=record.search_attributes,
        cancel_reason=record.cancel_reason,
        ended_by=record.ended_by,
        is_kept=True,
        close_time_us=columns.close_time_us,
        deduplicated=Deduplicated.decode(record.deduplicated) if record.deduplicated else None,
    )
    if columns.status != ExecutionStatus.RUNNING:
        execution.outcome = Outcome(execution.activity_run_id, columns.status, record.result, record.failure)
        execution.phase = ActivityPhase.RESOLVED
    return execution


def _attributes(columns: Columns, record: Record) -> ActivityTaskScheduled:
    options = record.options
    return ActivityTaskScheduled(
        columns.activity_id,
        columns.activity_type,
        columns.task_queue,
        record.input,
        options.schedule_to_close_timeout_ms,
        options.schedule_to_start_timeout_ms,
        options.start_to_close_timeout_ms,
        options.heartbeat_timeout_ms,
        options.retry_policy or DEFAULT_RETRY_POLICY,
        0,
        record.headers,
        options.priority,
        record.summary,
        options.fairness,
    )


def from_entry(data: bytes) -> ActivityExecution:
    """An execution of which there is no row: the entry of its first attempt tells all of it.

    Raises:
        DecodeError: no entry of an activity without a workflow.
    """
    task = decode_task(data)
    if type(task) is not ActivityTask or task.workflow_id or not task.inline:
        raise DecodeError("the entry of a task does not tell what it was started with")
    policy = task.retry_policy
    options = ActivityOptions(
        task.schedule_to_close_timeout_ms,
        task.schedule_to_start_timeout_ms,
        task.start_to_close_timeout_ms,
        task.heartbeat_timeout_ms,
        policy,
        task.priority,
        fairness=task.fairness,
        soft_timeout_ms=task.soft_timeout_ms,
        keep_result_ms=task.keep_result_ms,
    )
    attributes = ActivityTaskScheduled(
        task.activity_id,
        task.activity_type,
        task.task_queue,
        task.input,
        *options[:4],
        policy or DEFAULT_RETRY_POLICY,
        0,
        task.headers,
        task.priority,
        fairness=task.fairness,
    )
    return ActivityExecution(
        task.scheduled_event_id,
        task.scheduled_time_us,
        attributes,
        attempt_scheduled_time_us=task.current_attempt_scheduled_time_us,
        namespace=task.namespace,
        run_id=task.run_id,
        shard_id=task.shard_id,
        request_id=task.request_id,
        options=options,
    )
