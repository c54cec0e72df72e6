"""What an outstanding row stands for: its stream, its member, its key, and the entry that is published for it.

The row of an activity holds its entry. The row of a workflow task holds none: the entry that is made here only says
which task it is, and the worker that takes it asks for the history.
"""

from __future__ import annotations

from perdure.protocol.tasks import TaskKind, WorkflowTask, encode_task, task_member
from perdure_broker.port import Publication, StreamKind, TaskStream
from perdure_store.port import TransferKey, TransferRow

ANNOUNCEMENTS_S = 3.0
"""Seconds after a loss of the broker's data in which no activity is published again: it may run, although its report
has not come this far. Workers look for a loss every second, and announce what they run."""


def key_of(row: TransferRow) -> TransferKey:
    return TransferKey(row.shard_id, row.run_id, row.kind, row.event_id)


def member_of(row: TransferRow) -> str:
    """The name of the attempt among the published ids of its stream."""
    return task_member(row.run_id, row.event_id, row.attempt)


def stream_of(row: TransferRow) -> TaskStream:
    """The task queue's stream; never a sticky one."""
    kind = StreamKind.WORKFLOW if row.kind == TaskKind.WORKFLOW else StreamKind.ACTIVITY
    return TaskStream(row.namespace, row.task_queue, kind)


def entry_of(row: TransferRow) -> bytes:
    """The stream entry for a worker that knows nothing of the run."""
    if row.kind != TaskKind.WORKFLOW:
        return row.data
    task = WorkflowTask(
        row.namespace, "", row.run_id, "", row.shard_id, row.event_id, row.attempt, row.created_us, 0, b""
    )
    return encode_task(task)


def publication_of(row: TransferRow) -> Publication:
    return Publication(row.shard_id, member_of(row), entry_of(row))
