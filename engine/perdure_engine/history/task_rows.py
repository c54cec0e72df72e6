"""The outstanding tasks and timers of one batch: rows that come, rows that go, and what is published of them.

A task or timer that was made and settled within the batch is never written.
"""

from __future__ import annotations

from perdure.protocol.tasks import TaskKind
from perdure_broker.port import Outbox, StreamKind, TaskStream
from perdure_engine.core.transition import ClearTimer, Dispatch, KeepHeartbeat, KeepWorker, Retire, SetTimer
from perdure_engine.history.shard import Shard
from perdure_engine.history.windows import Windows
from perdure_store.port import CommitBatch, HeartbeatRow, TimerKey, TimerRow, TransferKey, TransferRow, WorkerRow

Task = tuple[str, int, int]
"""A task by its run id, kind and event id."""


UNKEYED = ("", 1000, 1)
"""The end of the row of a task whose turn depends on its priority alone."""


class TaskRows:
    """`published`: where each task that was just made goes, and as which entry."""

    def __init__(self, now_us: int, monotonic: float, windows: Windows, outbox: Outbox) -> None:
        self.inserts: dict[Task, TransferRow] = {}
        self.deletes: dict[Task, int] = {}
        self.published: dict[Task, tuple[TaskStream, bytes]] = {}
        self._has_keys = False
        self._now_us = now_us
        self._monotonic = monotonic
        self._windows = windows
        self._outbox = outbox
        self._timer_inserts: dict[TimerKey, tuple[Shard, TimerRow]] = {}
        self._timer_deletes: dict[TimerKey, int] = {}
        self._heartbeats: dict[Task, HeartbeatRow] = {}
        self._workers: dict[Task, WorkerRow] = {}

    def dispatch(self, shard: Shard, namespace: str, run_id: str, effect: Dispatch) -> bool:
        """Make a task. False if it is backlog, for which its stream has no room."""
        task = (run_id, effect.kind, effect.event_id)
        kind = StreamKind.WORKFLOW if effect.kind == TaskKind.WORKFLOW else StreamKind.ACTIVITY
        stream = TaskStream(namespace, effect.task_queue, kind)
        is_placed = not effect.is_published
        if effect.worker:
            sticky = TaskStream(namespace, effect.task_queue, StreamKind.STICKY, effect.worker)
            self.published[task] = (sticky, effect.data)
            is_placed = True
        elif not is_placed and self._windows.take(stream, self._monotonic):
            self.published[task] = (stream, effect.data)
            is_placed = True
        if not is_placed:
            self._outbox.backlogged.add(stream)
        row = TransferRow(
            shard.shard_id,
            run_id,
            effect.kind,
            effect.event_id,
            effect.attempt,
            shard.take_task_id(),
            namespace,
            effect.task_queue,
            effect.priority,
            not is_placed,
            self._now_us,
            effect.data if effect.kind == TaskKind.ACTIVITY else b"",
        )
        if effect.fairness is not None:
            key, weight, cost = effect.fairness
            row = row._replace(fairness_key=key, fairness_weight=weight, cost=cost)
            self._has_keys = True
        self.inserts[task] = row
        return is_placed

    def retire(self, shard: Shard, run_id: str, effect: Retire) -> None:
        task = (run_id, effect.kind, effect.event_id)
        if self.inserts.pop(task, None) is None:
            self.deletes[task] = shard.shard_id
        else:
            self.published.pop(task, None)
        self._heartbeats.pop(task, None)
        self._workers.pop(task, None)

    def set_timer(self, shard: Shard, run_id: str, effect: SetTimer) -> None:
        key = TimerKey(shard.shard_id, effect.fire_at_us, run_id, effect.kind, effect.event_id)
        self._timer_inserts[key] = (shard, TimerRow(*key, effect.attempt))

    def clear_timer(self, shard: Shard, run_id: str, effect: ClearTimer) -> None:
        key = TimerKey(shard.shard_id, effect.fire_at_us, run_id, effect.kind, effect.event_id)
        if self._timer_inserts.pop(key, None) is None:
            self._timer_deletes[key] = 1
            shard.timers.discard(key)

    def fire(self, key: TimerKey) -> None:
        """A timer was due: its row goes."""
        self._timer_deletes[key] = 1

    def keep_heartbeat(self, shard: Shard, run_id: str, effect: KeepHeartbeat) -> None:
        task = (run_id, TaskKind.ACTIVITY, effect.event_id)
        self._heartbeats[task] = HeartbeatRow(shard.shard_id, *task, effect.details)

    def keep_worker(self, shard: Shard, run_id: str, effect: KeepWorker) -> None:
        task = (run_id, TaskKind.ACTIVITY, effect.event_id)
        self._workers[task] = WorkerRow(shard.shard_id, *task, effect.attempt, effect.worker)

    def seal(self, commit: CommitBatch) -> None:
        """Turn everything into rows."""
        for (run_id, kind, event_id), shard_id in self.deletes.items():
            commit.transfer_deletes.append(TransferKey(shard_id, run_id, kind, event_id))
        if self._has_keys:
            commit.keyed_inserts.extend(row for row in self.inserts.values() if row[14:] != UNKEYED)
            commit.transfer_inserts.extend(row for row in self.inserts.values() if row[14:] == UNKEYED)
        else:
            commit.transfer_inserts.extend(self.inserts.values())
        commit.timer_deletes.extend(self._timer_deletes)
        for shard, timer in self._timer_inserts.values():
            commit.timer_inserts.append(timer)
            shard.timers.add(timer)
        commit.heartbeats.extend(self._heartbeats.values())
        commit.workers.extend(self._workers.values())
