"""One batch: what decisions ask for becomes rows and an outbox, each run and task written once."""

from __future__ import annotations

import uuid

import pytest

from perdure.protocol.events import EventType, HistoryEvent, TimerFired, decode_records
from perdure.protocol.replies import CancelActivity, ExecutionStatus, Outcome, ReplyKind, decode_replies
from perdure.protocol.tasks import TaskKind, task_member
from perdure_broker.port import PublishResult, StreamKind
from perdure_engine.core.decide import decide_start
from perdure_engine.core.transition import (
    ClearTimer,
    Close,
    Dispatch,
    Effect,
    KeepHeartbeat,
    KeepWorker,
    Push,
    Remember,
    Retire,
    SetTimer,
    TimerKind,
    Transition,
    Warn,
)
from perdure_engine.history import batch as batch_module, cache as cache_module
from perdure_engine.history.batch import Batch
from perdure_engine.history.cache import CachedRun
from perdure_engine.history.shard import Shard
from perdure_engine.history.windows import Windows
from perdure_engine.outstanding import stream_of
from perdure_store.port import ShardRow, TimerKey, TimerRow, TransferKey
from tests.engine_stage import ACTIVITIES, POST, QUEUE, ROUTING, WORKFLOWS, start_request

NOW = 1_000_000
RUN_ID = str(uuid.uuid5(uuid.NAMESPACE_OID, "run"))


class Bench:
    """An owned shard and a run that is open and durable."""

    def __init__(self) -> None:
        self.windows = Windows()
        self.shard = Shard(ShardRow(0, 1, "one", 0, "epoch", "0-0", 1, 0), "epoch")
        state, self.started = decide_start(start_request(), RUN_ID, 0, NOW)
        assert state is not None
        self.run = CachedRun(state)
        self.batch = Batch(NOW, 0.0, self.windows, POST, ROUTING)

    def add(self, *effects: Effect, records: list[HistoryEvent] | None = None) -> None:
        transition = Transition()
        transition.effects = list(effects)
        transition.records = records or []
        self.batch.add(self.shard, self.run, transition)

    def seal(self) -> Batch:
        self.batch.touch(self.shard)
        self.batch.seal()
        return self.batch


@pytest.fixture
def bench() -> Bench:
    return Bench()


def dispatch(event_id: int = 5, attempt: int = 1, *, worker: str = "", kind: int = TaskKind.ACTIVITY) -> Dispatch:
    return Dispatch(kind, event_id, attempt, QUEUE, 3, b"data", worker)


def timer(event_id: int = 5, at_us: int = NOW + 5) -> SetTimer:
    return SetTimer(at_us, TimerKind.USER, event_id, 1)


# Runs ---------------------------------------------------------------------------------------------------------------


def test_a_new_run_is_one_row_and_one_row_of_history(bench: Bench) -> None:
    bench.batch.add(bench.shard, bench.run, bench.started).created = True
    commit = bench.seal().commit
    [row], [history] = commit.executions, commit.history
    assert (row.run_id, row.workflow_id, row.status, row.close_time_us) == (RUN_ID, "wf", ExecutionStatus.RUNNING, 0)
    assert (history.batch_no, history.first_event_id) == (1, 1)
    assert [record.event_id for record in decode_records(history.data)] == [1, 2]
    assert bench.run.pins == 1


def test_what_several_decisions_record_is_one_row(bench: Bench) -> None:
    fired = HistoryEvent(7, NOW, EventType.TIMER_FIRED, TimerFired("t", 5))
    bench.add(records=[fired])
    bench.add(records=[fired._replace(event_id=8)])
    [history] = bench.seal().commit.history
    assert (history.first_event_id, len(decode_records(history.data)), bench.run.pins) == (7, 2, 1)


def test_a_closed_run_gets_its_last_values(bench: Bench) -> None:
    bench.run.state.next_event_id = 9
    bench.add(Close(Outcome(RUN_ID, ExecutionStatus.FAILED)))
    bench.run.state.status = ExecutionStatus.FAILED
    [close] = bench.seal().commit.closes
    assert (close.status, close.close_time_us, close.history_length) == (ExecutionStatus.FAILED, NOW, 8)


def test_a_snapshot_follows_a_long_history(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "SNAPSHOT_EVERY_BYTES", 10)
    bench.batch.add(bench.shard, bench.run, bench.started)
    commit = bench.seal().commit
    [snapshot] = commit.snapshots
    assert snapshot.batch_no == commit.history[0].batch_no == 1
    assert bench.run.snapshot_mark == bench.run.state.history_size_bytes


def test_the_snapshot_of_a_run_goes_when_it_closes(bench: Bench) -> None:
    bench.run.snapshot_mark = 10
    bench.add(
        Close(Outcome(RUN_ID, ExecutionStatus.FAILED)),
        records=[HistoryEvent(7, NOW, EventType.TIMER_FIRED, TimerFired("t", 5))],
    )
    [snapshot] = bench.seal().commit.snapshots
    assert (snapshot.run_id, snapshot.data) == (RUN_ID, b"")


def test_a_run_that_never_had_one_writes_none_when_it_closes(bench: Bench) -> None:
    bench.add(
        Close(Outcome(RUN_ID, ExecutionStatus.FAILED)),
        records=[HistoryEvent(7, NOW, EventType.TIMER_FIRED, TimerFired("t", 5))],
    )
    assert not bench.seal().commit.snapshots


# Tasks --------------------------------------------------------------------------------------------------------------


def test_a_dispatched_task_is_a_row_and_a_publication(bench: Bench) -> None:
    bench.add(dispatch())
    sealed = bench.seal()
    [row], [published] = sealed.commit.transfer_inserts, sealed.outbox.publish[ACTIVITIES]
    assert (row.kind, row.event_id, row.attempt, row.task_id, row.backlog) == (TaskKind.ACTIVITY, 5, 1, 1, False)
    assert published == (0, task_member(RUN_ID, 5, 1), b"data")
    assert row.data == b"data"
    assert sealed.published_rows[published.member] is row


def test_a_task_of_a_full_stream_is_backlog_and_is_not_published(bench: Bench) -> None:
    bench.windows.learn(ACTIVITIES, PublishResult(0, 1, False), 0.0)
    bench.add(dispatch(5), dispatch(6))
    sealed = bench.seal()
    assert [row.backlog for row in sealed.commit.transfer_inserts] == [False, True]
    assert len(sealed.outbox.publish[ACTIVITIES]) == 1
    assert sealed.outbox.backlogged == {ACTIVITIES}


def test_a_task_that_is_made_and_settled_in_one_batch_leaves_no_trace(bench: Bench) -> None:
    bench.add(dispatch(), Retire(TaskKind.ACTIVITY, 5))
    sealed = bench.seal()
    assert (sealed.commit.transfer_inserts, sealed.commit.transfer_deletes, sealed.outbox.publish) == ([], [], {})


def test_the_next_attempt_replaces_the_row(bench: Bench) -> None:
    bench.add(Retire(TaskKind.ACTIVITY, 5), dispatch(5, 2))
    commit = bench.seal().commit
    assert commit.transfer_deletes == [TransferKey(0, RUN_ID, TaskKind.ACTIVITY, 5)]
    assert [row.attempt for row in commit.transfer_inserts] == [2]


def test_a_sticky_task_can_fall_back_to_the_queue(bench: Bench) -> None:
    bench.batch.add(bench.shard, bench.run, bench.started)
    bench.add(dispatch(2, worker="w", kind=TaskKind.WORKFLOW))
    sealed = bench.seal()
    sticky = WORKFLOWS._replace(kind=StreamKind.STICKY, worker="w")
    [published] = sealed.outbox.publish[sticky]
    row = sealed.published_rows[published.member]
    assert (stream_of(row), row.data, published.data) == (WORKFLOWS, b"", b"data")
    assert sealed.sticky == [(0, RUN_ID, 2, 1)]


def test_heartbeats_of_a_settled_task_are_dropped(bench: Bench) -> None:
    bench.add(KeepHeartbeat(5, b"1"), KeepHeartbeat(6, b"1"), KeepHeartbeat(6, b"2"), Retire(TaskKind.ACTIVITY, 5))
    assert [(row.event_id, row.heartbeat) for row in bench.seal().commit.heartbeats] == [(6, b"2")]


def test_the_worker_of_a_settled_task_is_not_kept(bench: Bench) -> None:
    bench.add(KeepWorker(5, 1, "w"), KeepWorker(6, 2, "w"), Retire(TaskKind.ACTIVITY, 5))
    assert bench.seal().commit.workers == [(0, RUN_ID, TaskKind.ACTIVITY, 6, 2, "w")]


# Timers -------------------------------------------------------------------------------------------------------------


def test_a_timer_is_written_and_held(bench: Bench) -> None:
    bench.shard.timers._horizon_us = NOW + 10
    bench.add(timer())
    [row] = bench.seal().commit.timer_inserts
    assert row == (0, NOW + 5, RUN_ID, TimerKind.USER, 5, 1)
    assert bench.shard.timers.next_due_us() == NOW + 5


def test_a_timer_that_is_set_and_cleared_in_one_batch_leaves_no_trace(bench: Bench) -> None:
    bench.add(timer(), ClearTimer(NOW + 5, TimerKind.USER, 5))
    commit = bench.seal().commit
    assert (commit.timer_inserts, commit.timer_deletes, len(bench.shard.timers)) == ([], [], 0)


def test_a_cleared_timer_is_deleted_and_not_held(bench: Bench) -> None:
    bench.shard.timers._horizon_us = NOW + 10
    bench.shard.timers.add(TimerRow(0, NOW + 5, RUN_ID, TimerKind.USER, 5, 1))
    bench.add(ClearTimer(NOW + 5, TimerKind.USER, 5))
    assert bench.seal().commit.timer_deletes == [TimerKey(0, NOW + 5, RUN_ID, TimerKind.USER, 5)]
    assert len(bench.shard.timers) == 0


# Replies, acks ------------------------------------------------------------------------------------------------------


def test_replies_to_one_sender_share_an_entry(bench: Bench) -> None:
    for number in range(3):
        bench.batch.reply("client", number, ReplyKind.OK, number)
    bench.add(Push("worker", CancelActivity(RUN_ID, 5, 1)))
    replies = bench.seal().outbox.replies
    [entry] = replies["client"]
    assert decode_replies(entry) == ((0, 0, 0), (1, 0, 1), (2, 0, 2))
    assert decode_replies(replies["worker"][0])[0][:2] == (0, ReplyKind.PUSH)


def test_large_replies_are_split(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "REPLY_BYTES_MAX", 50)
    for number in range(8):
        bench.batch.reply("client", number, ReplyKind.OK, b"x" * 20)
    entries = bench.seal().outbox.replies["client"]
    assert len(entries) > 1
    assert [row[0] for entry in entries for row in decode_replies(entry)] == list(range(8))


def test_a_finished_entry_gives_up_its_member(bench: Bench) -> None:
    bench.batch.finish(b"stream", b"1-0", "a")
    bench.batch.finish(b"stream", b"2-0", "b")
    bench.batch.finish(b"", b"", "c")
    bench.batch.finish(b"stream", b"", "no entry any more")
    bench.batch.finish(b"stream", b"3-0", "")
    finished = bench.seal().outbox.finished
    assert finished == {b"stream": ([b"1-0", b"2-0", b"3-0"], ["a", "b", "no entry any more"])}


def test_a_request_that_took_effect_leaves_its_witness(bench: Bench) -> None:
    bench.add(Remember("request"))
    [row] = bench.seal().commit.request_results
    assert (row.run_id, row.request_id, row.created_us) == (RUN_ID, "request", NOW)


def test_every_touched_shard_advances(bench: Bench) -> None:
    sealed = bench.seal()
    assert [row.shard_id for row in sealed.commit.shards] == [0]
    assert (sealed.ranges, bench.shard.commit_seq) == ({0: 1}, 1)


def test_operators_are_warned(caplog: pytest.LogCaptureFixture) -> None:
    Bench().add(Warn("it grows"))
    assert [record.message for record in caplog.records] == [f"Workflow 'wf' (run {RUN_ID}): it grows."]
