"""Tasks and timers of a batch."""

from __future__ import annotations

from perdure.protocol.fairness import Fairness
from perdure.protocol.tasks import TaskKind
from perdure_broker.port import Outbox, PublishResult, StreamKind, TaskStream
from perdure_engine.core.transition import ClearTimer, Dispatch, KeepHeartbeat, KeepWorker, Retire, SetTimer
from perdure_engine.history.shard import Shard
from perdure_engine.history.task_rows import TaskRows
from perdure_engine.history.windows import Windows
from perdure_store.port import CommitBatch, ShardRow, TimerKey, TransferKey

SHARD = Shard(ShardRow(0, 1, "me", 0, "e", "0-0", 1, 0), "e")
STREAM = TaskStream("default", "q", StreamKind.ACTIVITY)
DISPATCH = Dispatch(TaskKind.ACTIVITY, 5, 1, "q", 3, b"data")


def rows(windows: Windows | None = None) -> TaskRows:
    return TaskRows(1_000, 0.0, windows or Windows(), Outbox())


def sealed(made: TaskRows) -> CommitBatch:
    commit = CommitBatch()
    made.seal(commit)
    return commit


def test_a_task_that_is_settled_at_once_is_never_written() -> None:
    made = rows()
    assert made.dispatch(SHARD, "default", "run", DISPATCH)
    made.keep_heartbeat(SHARD, "run", KeepHeartbeat(5, b"half"))
    made.keep_worker(SHARD, "run", KeepWorker(5, 1, "w"))
    made.retire(SHARD, "run", Retire(TaskKind.ACTIVITY, 5))
    commit = sealed(made)
    assert not (commit.transfer_inserts)
    assert not (commit.transfer_deletes)
    assert not (commit.heartbeats)
    assert not (commit.workers)
    assert not made.published


def test_a_task_of_an_earlier_batch_is_deleted() -> None:
    made = rows()
    made.retire(SHARD, "run", Retire(TaskKind.ACTIVITY, 5))
    made.dispatch(SHARD, "default", "run", DISPATCH._replace(attempt=2))
    commit = sealed(made)
    assert commit.transfer_deletes == [TransferKey(0, "run", TaskKind.ACTIVITY, 5)]
    assert [(row.attempt, row.data, row.backlog) for row in commit.transfer_inserts] == [(2, b"data", False)]


def test_a_full_stream_makes_backlog() -> None:
    windows = Windows()
    windows.learn(STREAM, PublishResult(0, 0, True, False, (), ()), 0.0)
    made = rows(windows)
    assert not made.dispatch(SHARD, "default", "run", DISPATCH)
    assert sealed(made).transfer_inserts[0].backlog


def test_a_timer_that_is_cleared_at_once_is_never_written() -> None:
    made = rows()
    made.set_timer(SHARD, "run", SetTimer(9_000, 2, 5, 1))
    made.clear_timer(SHARD, "run", ClearTimer(9_000, 2, 5))
    made.clear_timer(SHARD, "run", ClearTimer(8_000, 2, 5))
    made.fire(TimerKey(0, 7_000, "run", 2, 5))
    commit = sealed(made)
    assert not commit.timer_inserts
    assert [key.fire_at_us for key in commit.timer_deletes] == [8_000, 7_000]


def test_tasks_with_a_fairness_key_are_written_apart() -> None:
    """The others are spared the columns."""
    made = rows()
    made.dispatch(SHARD, "default", "run", DISPATCH)
    made.dispatch(SHARD, "default", "run", DISPATCH._replace(event_id=6, fairness=Fairness("acme", 500, 7)))
    commit = sealed(made)
    assert [row.event_id for row in commit.transfer_inserts] == [5]
    assert [(row.event_id, *row[14:]) for row in commit.keyed_inserts] == [(6, "acme", 500, 7)]
