"""The tables of the in-memory store: the same constraints and the same fence as the SQL schema, in dictionaries.

Role: what several `MemoryStore` handles share, as several engines share a database. Pure data: no I/O, no clock.

Rules:
- A commit is checked whole before anything is written, so that it is atomic.
- Whatever is iterated is ordered, so that equal calls give equal answers.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from typing import Any

from perdure_store.catalog import BatchRow, DeploymentRow, NamespaceRow
from perdure_store.flow import QueueSettingsRow
from perdure_store.port import (
    ActivityExecutionRow,
    BatchRejected,
    CommitBatch,
    DeadLetterRow,
    ExecutionRow,
    FenceLost,
    HistoryRow,
    RequestResultRow,
    ShardAdvance,
    ShardRow,
    SnapshotRow,
    TimerKey,
    TimerRow,
    TransferKey,
    TransferRow,
    VisibilityRow,
)
from perdure_store.schedules import ScheduleRow

OPEN = 1

PAYLOAD_BYTES_MAX = 512 * 1024
"""As the schema checks it."""

RETENTION_DEFAULT_MS = 72 * 3600 * 1000
"""What the first migration says for the default namespace."""

Run = tuple[int, str]
WorkflowKey = tuple[int, str, str]

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class MemoryDatabase:
    """All tables. Made once, and given to each `MemoryStore` that is to see the same data."""

    def __init__(self) -> None:
        self.cluster: tuple[str, int] | None = None
        self.nodes: dict[str, int] = {}
        self.shards: dict[int, ShardRow] = {}
        self.executions: dict[Run, ExecutionRow] = {}
        self.open_runs: dict[WorkflowKey, str] = {}
        self.closed_runs: dict[WorkflowKey, list[str]] = defaultdict(list)
        self.history: dict[Run, dict[int, HistoryRow]] = defaultdict(dict)
        self.snapshots: dict[Run, SnapshotRow] = {}
        self.transfer: dict[int, dict[TransferKey, TransferRow]] = defaultdict(dict)
        self.timers: dict[int, dict[TimerKey, TimerRow]] = defaultdict(dict)
        self.request_results: dict[Run, dict[str, RequestResultRow]] = defaultdict(dict)
        self.dead_letters: dict[str, DeadLetterRow] = {}
        self.payloads: dict[Run, dict[bytes, bytes]] = defaultdict(dict)
        self.activities: dict[tuple[int, str, int], ActivityExecutionRow] = {}
        self.visibility: dict[tuple[str, str], VisibilityRow] = {}
        self.namespaces = {"default": NamespaceRow("default", RETENTION_DEFAULT_MS, 0)}
        self.search_attributes: dict[str, dict[str, int]] = defaultdict(dict)
        self.batches: dict[tuple[str, str], BatchRow] = {}
        self.deployments: dict[tuple[str, str], DeploymentRow] = {}
        self.queue_settings: dict[tuple[str, str, int], QueueSettingsRow] = {}
        self.schedules: dict[tuple[str, str], ScheduleRow] = {}

    def found(self, cluster_id: str, shard_count: int) -> None:
        """Make the cluster and its shards."""
        self.cluster = (cluster_id, shard_count)
        for shard_id in range(shard_count):
            self.shards[shard_id] = ShardRow(shard_id, 0, "", 0, "", "0-0", 1, 0)

    def commit(self, batch: CommitBatch) -> None:
        """Write a batch, or raise and write nothing (see `Store.commit`).

        Raises:
            FenceLost, BatchRejected
        """
        if not batch.shards:
            raise BatchRejected("A batch must name at least one shard: without a fence nothing may be written.")
        self._check_fence(batch.shards)
        self._check(batch)
        self._write(batch)

    def forget_run(self, row: ExecutionRow) -> None:
        """Remove a run with all that belongs to it."""
        run = (row.shard_id, row.run_id)
        self._forget(row)
        del self.executions[run]
        self.history.pop(run, None)
        self.snapshots.pop(run, None)
        self.request_results.pop(run, None)
        self.payloads.pop(run, None)

    # Checks --------------------------------------------------------------------------------------------------------
    def _check_fence(self, advances: Sequence[ShardAdvance]) -> None:
        for advance in advances:
            shard = self.shards.get(advance.shard_id)
            if shard is None or (shard.range_id, shard.commit_seq) != (advance.range_id, advance.commit_seq):
                raise FenceLost("A shard of the batch belongs to a newer owner, or has moved on; nothing was written.")

    def _check(self, batch: CommitBatch) -> None:
        _check_values(batch)
        _check_new("executions", [row[:2] for row in batch.executions], self.executions)
        closing = self._closing(batch)
        open_keys = [workflow_key(row) for row in batch.executions if row.status == OPEN]
        _check_new("open executions", open_keys, self.open_runs, freed=closing)
        _check_new("history_events", [row[:3] for row in batch.history], ())
        for row in batch.history:
            _check_new("history_events", [row.batch_no], self.history.get((row.shard_id, row.run_id), ()))
        _check_new("snapshots", [row[:2] for row in batch.snapshots], ())
        for shard_id, tasks in _by_shard(
            TransferKey(*row[:4]) for row in (*batch.transfer_inserts, *batch.keyed_inserts)
        ).items():
            _check_new("transfer_tasks", tasks, self.transfer[shard_id], freed=set(batch.transfer_deletes))
        for shard_id, timers in _by_shard(TimerKey(*row[:5]) for row in batch.timer_inserts).items():
            _check_new("timer_tasks", timers, self.timers[shard_id], freed=set(batch.timer_deletes))
        _check_new("activity_executions", [row[:3] for row in batch.activities], ())
        _check_new("dead_letters", [row.letter_id for row in batch.dead_letters], self.dead_letters)

    def _closing(self, batch: CommitBatch) -> set[WorkflowKey]:
        """Workflow ids whose open run the batch closes."""
        rows = (self.executions.get((close.shard_id, close.run_id)) for close in batch.closes)
        return {workflow_key(row) for row in rows if row is not None and row.status == OPEN}

    # Writes --------------------------------------------------------------------------------------------------------
    def _write(self, batch: CommitBatch) -> None:
        for advance in batch.shards:
            self.shards[advance.shard_id] = self.shards[advance.shard_id]._replace(
                commit_seq=advance.commit_seq + 1,
                inbox_epoch=advance.inbox_epoch,
                inbox_cursor=advance.inbox_cursor,
                next_task_id=advance.next_task_id,
                time_us=advance.time_us,
            )
        for close in batch.closes:
            row = self.executions.get((close.shard_id, close.run_id))
            if row is not None:
                self._forget(row)
                self._record(
                    row._replace(
                        status=close.status,
                        close_time_us=close.close_time_us,
                        history_length=close.history_length,
                        history_size_bytes=close.history_size_bytes,
                    )
                )
        for key in batch.transfer_deletes:
            self.transfer[key.shard_id].pop(key, None)
        for timer_key in batch.timer_deletes:
            self.timers[timer_key.shard_id].pop(timer_key, None)
        for execution in batch.executions:
            self._record(execution)
        for history in batch.history:
            self.history[history.shard_id, history.run_id][history.batch_no] = history
        for snapshot in batch.snapshots:
            self.snapshots.pop((snapshot.shard_id, snapshot.run_id), None)
            if snapshot.data:
                self.snapshots[snapshot.shard_id, snapshot.run_id] = snapshot
        for task in (*batch.transfer_inserts, *batch.keyed_inserts):
            self.transfer[task.shard_id][TransferKey(*task[:4])] = task._replace(backlog=bool(task.backlog))
        for waiting in batch.transfer_backlogs:
            self._change_task(TransferKey(*waiting[:4]), backlog=True, task_id=waiting.task_id)
        for beat in batch.heartbeats:
            self._change_task(TransferKey(*beat[:4]), heartbeat=beat.heartbeat)
        for running in batch.workers:
            task_key = TransferKey(*running[:4])
            current = self.transfer[running.shard_id].get(task_key)
            if current is not None and current.attempt == running.attempt:
                self._change_task(task_key, worker=running.worker, backlog=False)
        for activity in batch.activities:
            self.activities[activity[:3]] = activity
        for timer in batch.timer_inserts:
            self.timers[timer.shard_id][TimerKey(*timer[:5])] = timer
        for result in batch.request_results:
            self.request_results[result.shard_id, result.run_id].setdefault(result.request_id, result)
        for letter in batch.dead_letters:
            self.dead_letters[letter.letter_id] = letter
        for piece in batch.payloads:
            self.payloads[piece.shard_id, piece.run_id].setdefault(piece.hash, piece.data)
        for copy in batch.payload_copies:
            data = self.payloads.get((copy.from_shard_id, copy.from_run_id), {}).get(copy.hash)
            if data is not None:
                self.payloads[copy.shard_id, copy.run_id].setdefault(copy.hash, data)

    def _record(self, row: ExecutionRow) -> None:
        self.executions[row.shard_id, row.run_id] = row
        if row.status == OPEN:
            self.open_runs[workflow_key(row)] = row.run_id
        else:
            self.closed_runs[workflow_key(row)].append(row.run_id)

    def _forget(self, row: ExecutionRow) -> None:
        if row.status == OPEN:
            self.open_runs.pop(workflow_key(row), None)
        else:
            self.closed_runs[workflow_key(row)].remove(row.run_id)

    def _change_task(self, key: TransferKey, **fields: Any) -> None:
        row = self.transfer[key.shard_id].get(key)
        if row is not None:
            self.transfer[key.shard_id][key] = row._replace(**fields)


def workflow_key(row: ExecutionRow) -> WorkflowKey:
    return (row.shard_id, row.namespace, row.workflow_id)


def _by_shard(keys: Iterable[Any]) -> dict[int, list[Any]]:
    grouped = defaultdict(list)
    for key in keys:
        grouped[key.shard_id].append(key)
    return grouped


def _check_new(table: str, keys: Sequence[Any], existing: Container[Any], freed: Container[Any] = ()) -> None:
    """No key twice in a batch, and none that exists, but for those that the same batch removes."""
    seen = set()
    for key in keys:
        if key in seen or (key in existing and key not in freed):
            raise BatchRejected(f"{table} has a row with the key {key} already.")
        seen.add(key)


def _check_values(batch: CommitBatch) -> None:
    """What Postgres refuses in a text: NUL, unpaired surrogates; and run ids that are none."""
    texts = [text for row in batch.executions for text in row[2:6]]
    texts += [text for task in batch.transfer_inserts for text in task[6:8]]
    texts += [text for task in batch.keyed_inserts for text in (*task[6:8], task.fairness_key)]
    texts += [running.worker for running in batch.workers]
    texts += [result.request_id for result in batch.request_results]
    texts += [text for letter in batch.dead_letters for text in (letter.source, letter.reason)]
    texts += [text for activity in batch.activities for text in (*activity[3:7], activity.request_id)]
    check_texts(texts)
    if any(len(piece.data) > PAYLOAD_BYTES_MAX for piece in batch.payloads):
        raise BatchRejected(f"A row of payloads holds at most {PAYLOAD_BYTES_MAX} bytes.")
    for run_id in (row.run_id for row in batch.executions):
        if not _UUID.fullmatch(run_id):
            raise BatchRejected(f"A run id must be a lower-case UUID, not {run_id!r}.")


def check_texts(texts: Iterable[str]) -> None:
    """Raise `BatchRejected` for a text that a database cannot keep."""
    for text in texts:
        if "\0" in text:
            raise BatchRejected("A text holds a NUL character (\\0), which a database cannot keep.")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise BatchRejected(f"A text is not valid Unicode: {error.reason}.") from error
