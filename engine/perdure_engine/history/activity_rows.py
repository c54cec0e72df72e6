"""Executions of activities without a workflow as the store keeps them: one way and back."""

from __future__ import annotations

from perdure.protocol.search_attributes import indexed_attributes
from perdure_engine.core.standalone.execution import ActivityExecution
from perdure_engine.core.standalone.record import Columns, decode_record, encode_record, from_entry
from perdure_store.port import ActivityExecutionRow, TransferRow


def row_of(execution: ActivityExecution) -> ActivityExecutionRow:
    """The row of an execution as it stands now."""
    attributes = execution.attributes
    return ActivityExecutionRow(
        execution.shard_id,
        execution.run_id,
        execution.scheduled_event_id,
        execution.namespace,
        attributes.activity_id,
        attributes.activity_type,
        attributes.task_queue,
        execution.status,
        execution.attempt,
        execution.scheduled_time_us,
        execution.close_time_us,
        _expires_us(execution) if execution.close_time_us else 0,
        execution.request_id,
        indexed_attributes(execution.search_attributes) if execution.search_attributes else "",
        encode_record(execution),
    )


def _expires_us(execution: ActivityExecution) -> int:
    """When a closed one is to be forgotten: 0 as its namespace says, below 0 not before then either."""
    kept_us = execution.options.keep_result_ms * 1000
    until_us = 0 if execution.deduplicated is None else execution.deduplicated.until_us
    if kept_us:
        return max(execution.close_time_us + kept_us, until_us)
    return -until_us


def execution_of(row: ActivityExecutionRow) -> ActivityExecution:
    """The inverse of `row_of`.

    Raises:
        DecodeError: its data is malformed.
    """
    columns = Columns(*row[:11], row.request_id)
    return decode_record(columns, row.data)


def open_execution(row: ActivityExecutionRow | None, task: TransferRow | None) -> ActivityExecution:
    """An open execution from its row, from that of its task, or from both.

    Raises:
        DecodeError: malformed.
    """
    if row is None:
        assert task is not None
        execution = from_entry(task.data)
    else:
        execution = execution_of(row)
    if task is not None and task.heartbeat:
        execution.heartbeat_details = task.heartbeat
    return execution
