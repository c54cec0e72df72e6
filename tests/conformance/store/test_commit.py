"""The group commit: its fence, its atomicity, and what each table does."""

from __future__ import annotations

import asyncio

import pytest

from perdure_store.port import (
    BacklogRow,
    BatchRejected,
    CommitBatch,
    DeadLetterRow,
    ExecutionKey,
    FenceLost,
    HeartbeatRow,
    RequestResultRow,
    SerializationConflict,
    SnapshotRow,
    Store,
    TimerKey,
    TransferKey,
    WorkerRow,
)
from tests.store_rows import ACTIVITY_TASK, FAILED, Owner, close, execution, history, run_id, task, timer, visible

ORDER = ExecutionKey(0, "default", "order-1")


async def test_a_batch_writes_to_several_shards(store: Store) -> None:
    owner = await Owner.of(store, 0, 1)
    await owner.commit(
        executions=[execution("a"), execution("b", shard_id=1, workflow_id="order-2")],
        history=[history("a"), history("b", shard_id=1)],
        transfer_inserts=[task("a"), task("b", shard_id=1)],
        timer_inserts=[timer("a"), timer("b", shard_id=1)],
    )
    [[first], [second]] = await store.load([ORDER, ExecutionKey(1, "default", "order-2")])
    assert first.row == execution("a")
    assert first.history == (history("a"),)
    assert second.row.run_id == run_id("b")
    assert await store.outstanding(1, after=None, limit=10) == [task("b", shard_id=1)]
    assert await store.timers(1, after=None, until_us=9_000, limit=10) == [timer("b", shard_id=1)]


async def test_a_batch_of_a_thousand_rows(store: Store) -> None:
    owner = await Owner.of(store, 0)
    names = [f"run {number}" for number in range(1000)]
    await owner.commit(
        executions=[execution(name, workflow_id=name) for name in names],
        history=[history(name, data=name.encode()) for name in names],
        transfer_inserts=[task(name) for name in names],
    )
    loaded = await store.load([ExecutionKey(0, "default", name) for name in names])
    assert [[one.row.run_id for one in found] for found in loaded] == [[run_id(name)] for name in names]
    assert [found[0].history[0].data for found in loaded] == [name.encode() for name in names]


async def test_a_batch_without_shards_is_refused(store: Store) -> None:
    with pytest.raises(BatchRejected, match="fence"):
        await store.commit(CommitBatch(executions=[execution()]))


@pytest.mark.parametrize("field", ["range_id", "commit_seq"])
@pytest.mark.parametrize("offset", [-1, 1])
async def test_a_wrong_fence_of_one_shard_stops_the_whole_batch(store: Store, field: str, offset: int) -> None:
    owner = await Owner.of(store, 0, 1)
    await owner.commit()
    batch = owner.batch(executions=[execution("a")])
    wrong = batch.shards[1]._replace(**{field: getattr(batch.shards[1], field) + offset})
    with pytest.raises(FenceLost):
        await store.commit(CommitBatch(shards=[batch.shards[0], wrong], executions=[execution("a")]))
    assert await store.load([ORDER]) == [[]]
    assert await store.shard(0) == owner.shards[0]
    await owner.commit(executions=[execution("a")])


async def test_a_batch_takes_effect_once(store: Store) -> None:
    owner = await Owner.of(store, 0)
    batch = await owner.commit(executions=[execution("a")])
    with pytest.raises(FenceLost):
        await store.commit(batch)


async def test_batches_that_overlap_take_effect_in_order(calm: None, store: Store) -> None:
    """The later one may be told to come again (40001, where the database is serializable), never that it lost."""
    owner = await Owner.of(store, 0, 1)
    for number in range(10):
        batches = []
        for half in "ab":
            run = f"{number} {half}"
            batches.append(owner.batch(executions=[execution(run, workflow_id=run)]))
            owner.committed(batches[-1])
        outcomes = await asyncio.gather(*map(store.commit, batches), return_exceptions=True)
        assert outcomes[0] is None
        if outcomes[1] is not None:
            assert isinstance(outcomes[1], SerializationConflict)
            await store.commit(batches[1])
        assert await store.shard(0) == owner.shards[0]


async def test_a_batch_behind_a_rejected_one_fails_too(calm: None, store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(executions=[execution("a")])
    guilty = owner.batch(executions=[execution("a")])
    owner.committed(guilty)
    behind = owner.batch(executions=[execution("b", workflow_id="order-2")])
    outcomes = await asyncio.gather(store.commit(guilty), store.commit(behind), return_exceptions=True)
    assert isinstance(outcomes[0], BatchRejected)
    assert isinstance(outcomes[1], FenceLost | SerializationConflict)
    assert (await store.shard(0)).commit_seq == 1


async def test_a_rejected_batch_writes_nothing_and_the_next_one_does(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(executions=[execution("a")])
    with pytest.raises(BatchRejected):
        await owner.commit(
            executions=[execution("a")],
            history=[history("a")],
            transfer_inserts=[task("a")],
            timer_inserts=[timer("a")],
        )
    assert await store.read_history(0, run_id("a")) == []
    assert await store.outstanding(0, after=None, limit=10) == []
    assert await store.next_timer(0, 0) is None
    assert (await store.shard(0)).commit_seq == 1
    await owner.commit(history=[history("a")])
    assert await store.read_history(0, run_id("a")) == [history("a")]


@pytest.mark.parametrize(
    "rows",
    [
        {"executions": [execution("a", workflow_id="elsewhere")]},
        {"executions": [execution("b")]},
        {"executions": [execution("b", workflow_id="x"), execution("c", workflow_id="x")]},
        {"history": [history("a")]},
        {"history": [history("b"), history("b")]},
        {"transfer_inserts": [task("a")]},
        {"transfer_inserts": [task("b"), task("b")]},
        {"timer_inserts": [timer("a")]},
        {"timer_inserts": [timer("b"), timer("b")]},
        {"dead_letters": [DeadLetterRow(0, run_id("letter"), 1, "inbox", "why", b"")]},
    ],
    ids=lambda rows: next(iter(rows)),
)
async def test_a_key_is_used_once(store: Store, rows: dict[str, list[tuple[object, ...]]]) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(
        executions=[execution("a")],
        history=[history("a")],
        transfer_inserts=[task("a")],
        timer_inserts=[timer("a")],
        dead_letters=[DeadLetterRow(0, run_id("letter"), 1, "inbox", "why", b"")],
    )
    with pytest.raises(BatchRejected):
        await owner.commit(**rows)


async def test_a_close_makes_room_for_the_next_run_in_the_same_batch(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(executions=[execution("a")])
    await owner.commit(closes=[close("a", status=FAILED)], executions=[execution("b")])
    [found] = await store.load([ORDER])
    assert [one.row for one in found] == [execution("b")]
    [[closed]] = await store.load([ExecutionKey(0, "default", "order-1", run_id("a"))])
    assert closed.row == execution("a", status=FAILED, close_time_us=2_000, history_length=11, history_size_bytes=700)


async def test_a_run_that_is_inserted_closed_takes_no_place(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(executions=[execution("a", status=FAILED, close_time_us=1_500)])
    await owner.commit(executions=[execution("b")])
    [[found]] = await store.load([ORDER])
    assert found.row.run_id == run_id("b")


async def test_the_same_workflow_id_lives_once_in_each_namespace(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(executions=[execution("a"), execution("b", namespace="other")])
    [[first], [second]] = await store.load([ORDER, ORDER._replace(namespace="other")])
    assert (first.row.run_id, second.row.run_id) == (run_id("a"), run_id("b"))


async def test_a_task_can_be_replaced_by_its_next_attempt(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(transfer_inserts=[task("a", 5, kind=ACTIVITY_TASK)])
    key = TransferKey(0, run_id("a"), ACTIVITY_TASK, 5)
    second = task("a", 5, kind=ACTIVITY_TASK, attempt=2, heartbeat=b"half way")
    await owner.commit(transfer_deletes=[key], transfer_inserts=[second])
    assert await store.transfer_rows([key]) == [second]
    await owner.commit(transfer_deletes=[key])
    await owner.commit(transfer_deletes=[key])
    assert await store.transfer_rows([key]) == []


async def test_a_task_becomes_backlog_and_keeps_heartbeats(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(transfer_inserts=[task("a", 2), task("a", 3)])
    keys = [TransferKey(0, run_id("a"), 1, 2), TransferKey(0, run_id("gone"), 1, 2)]
    await owner.commit(
        transfer_backlogs=[BacklogRow(*key, 9) for key in keys],
        heartbeats=[HeartbeatRow(0, run_id("a"), 1, 3, b"50%"), HeartbeatRow(*keys[1], b"?")],
    )
    assert await store.outstanding(0, after=None, limit=10) == [
        task("a", 2, backlog=True, task_id=9),
        task("a", 3, heartbeat=b"50%"),
    ]


async def test_a_task_of_the_same_batch_becomes_backlog(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(transfer_inserts=[task("a", 2)], transfer_backlogs=[BacklogRow(0, run_id("a"), 1, 2, 9)])
    assert await store.outstanding(0, after=None, limit=10) == [task("a", 2, backlog=True, task_id=9)]


async def test_a_task_keeps_who_runs_it_and_is_no_backlog_any_more(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(transfer_inserts=[task("a", 2, backlog=True), task("a", 3, backlog=True), task("a", 4)])
    keys = [TransferKey(0, run_id("a"), 1, 2), TransferKey(0, run_id("a"), 1, 3), TransferKey(0, run_id("gone"), 1, 2)]
    await owner.commit(
        workers=[WorkerRow(*key, attempt, "worker-1") for key, attempt in zip(keys, (1, 2, 1), strict=True)]
    )
    rows = [task("a", 2, worker="worker-1"), task("a", 3, backlog=True), task("a", 4)]
    assert await store.outstanding(0, after=None, limit=10) == rows
    assert await store.transfer_rows(keys) == rows[:2]
    assert await store.backlog("default", "main", 1, 3, {}, limit=10) == [rows[1]]


async def test_the_next_attempt_of_a_task_is_run_by_nobody_yet(store: Store) -> None:
    owner = await Owner.of(store, 0)
    key = TransferKey(0, run_id("a"), 1, 2)
    await owner.commit(transfer_inserts=[task("a", 2)])
    await owner.commit(workers=[WorkerRow(*key, 1, "worker-1")])
    await owner.commit(transfer_deletes=[key], transfer_inserts=[task("a", 2, attempt=2)])
    assert await store.transfer_rows([key]) == [task("a", 2, attempt=2)]


async def test_a_timer_can_be_moved(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(timer_inserts=[timer("a", 5_000)])
    moved = timer("a", 6_000)
    await owner.commit(timer_deletes=[TimerKey(*timer("a", 5_000)[:5])], timer_inserts=[moved])
    assert await store.timers(0, after=None, until_us=9_000, limit=10) == [moved]


async def test_the_first_witness_of_a_request_stays(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(executions=[execution("a")], request_results=[RequestResultRow(0, run_id("a"), "r1", 1, b"")])
    await owner.commit(
        request_results=[
            RequestResultRow(0, run_id("a"), "r1", 2, b"other"),
            RequestResultRow(0, run_id("a"), "r2", 2, b""),
            RequestResultRow(0, run_id("a"), "r2", 3, b""),
        ]
    )
    [[found]] = await store.load([ORDER])
    assert found.request_ids == ("r1", "r2")


@pytest.mark.parametrize("size_bytes", [1, 499_999, 500_000, 500_001, 1_700_000])
async def test_a_snapshot_of_any_size_is_replaced_by_a_later_one(store: Store, size_bytes: int) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(executions=[execution("a")], history=[history("a", 1), history("a", 2)])
    data = bytes(range(256)) * (size_bytes // 256) + b"x" * (size_bytes % 256)
    await owner.commit(snapshots=[SnapshotRow(0, run_id("a"), 1, data)])
    [[found]] = await store.load([ORDER])
    assert (found.snapshot, found.snapshot_batch_no, found.history) == (data, 1, (history("a", 2),))
    await owner.commit(snapshots=[SnapshotRow(0, run_id("a"), 2, b"short")])
    [[found]] = await store.load([ORDER])
    assert (found.snapshot, found.snapshot_batch_no, found.history) == (b"short", 2, ())


async def test_an_empty_snapshot_removes_it(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(executions=[execution("a")], history=[history("a", 1)])
    await owner.commit(snapshots=[SnapshotRow(0, run_id("a"), 1, b"state")])
    await owner.commit(snapshots=[SnapshotRow(0, run_id("a"), 0, b"")])
    [[found]] = await store.load([ORDER])
    assert (found.snapshot, found.snapshot_batch_no, found.history) == (b"", 0, (history("a", 1),))


@pytest.mark.parametrize(
    "rows",
    [
        {"executions": [execution("a", workflow_id="nul \0 in it")]},
        {"executions": [execution("a", workflow_type="half \ud800")]},
        {"executions": [execution("a")._replace(run_id="no-uuid")]},
        {"executions": [execution("a")._replace(run_id="z" * 36)]},
        {"transfer_inserts": [task("a", task_queue="nul \0")]},
        {"request_results": [RequestResultRow(0, run_id("a"), "nul \0", 1, b"")]},
        {"dead_letters": [DeadLetterRow(0, run_id("l"), 1, "inbox", "half \udfff", b"")]},
    ],
)
async def test_what_a_database_cannot_keep_is_rejected(store: Store, rows: dict[str, list[tuple[object, ...]]]) -> None:
    owner = await Owner.of(store, 0)
    with pytest.raises(BatchRejected):
        await owner.commit(**rows)
    await owner.commit(executions=[execution("b")])


async def test_any_text_that_is_unicode_is_kept(store: Store) -> None:
    owner = await Owner.of(store, 0)
    odd = "'; -- %s %b \\ \" ü 漢字 🐘 \u200b\r\n\t"
    await owner.commit(executions=[execution("a", workflow_id=odd, workflow_type=odd, task_queue=odd, namespace=odd)])
    [[found]] = await store.load([ExecutionKey(0, odd, odd)])
    assert found.row[2:6] == (odd, odd, odd, odd)


async def test_large_rows_are_kept(store: Store) -> None:
    owner = await Owner.of(store, 0)
    data = bytes(range(256)) * 8_000
    await owner.commit(
        executions=[execution("a", workflow_id="w" * 1000)],
        history=[history("a", data=data)],
        transfer_inserts=[task("a", data=data)],
    )
    assert (await store.read_history(0, run_id("a")))[0].data == data
    assert (await store.outstanding(0, after=None, limit=1))[0].data == data


async def test_visibility_is_no_part_of_a_commit(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(executions=[execution("a")])
    await store.upsert_visibility([visible("b")])
    assert (await store.shard(0)).commit_seq == 1
