"""Closed runs are found when their time is over, and go with all that belongs to them; nothing else does."""

from __future__ import annotations

from typing import Any

import pytest

from perdure_store.list_query import GroupCount, ListQuery
from perdure_store.port import (
    BatchRejected,
    ExecutionKey,
    HistoryRow,
    RequestResultRow,
    SnapshotRow,
    Store,
    TransferKey,
)
from tests.store_rows import COMPLETED, Owner, execution, history, run_id, task, visible

VISIBILITY = 3


def closed(name: str, close_time_us: int = 2_000, **fields: Any) -> Any:
    return execution(name, workflow_id=name, status=COMPLETED, close_time_us=close_time_us, history_length=11, **fields)


def key(name: str, shard_id: int = 0) -> ExecutionKey:
    return ExecutionKey(shard_id, "", "", run_id(name))


async def expired(store: Store, shard_id: int = 0, namespace: str = "default", **bounds: int) -> list[str]:
    wanted = {"closed_from_us": 0, "closed_before_us": 10_000, "limit": 100, **bounds}
    names = {run_id(name): name for name in "abcdefgh"}
    return [names[run.run_id] for run in await store.expired_runs(shard_id, namespace, **wanted)]


async def test_each_namespace_says_how_long(store: Store) -> None:
    await store.set_retention("one", 60_000)
    await store.set_retention("other", 2)
    await store.set_retention("other", 1)
    said = await store.retentions()
    assert (said["default"], said["one"], said["other"]) == (259_200_000, 60_000, 1)
    assert "nobody said" not in said
    with pytest.raises(BatchRejected):
        await store.set_retention("other", 0)


async def test_namespaces_with_closed_runs(store: Store) -> None:
    owner = await Owner.of(store, 0, 1)
    assert await store.closed_namespaces(0) == []
    await owner.commit(
        executions=[
            closed("a", namespace="two"),
            closed("b", namespace="one"),
            closed("c", namespace="one"),
            execution("d", namespace="open", workflow_id="d"),
            closed("e", namespace="elsewhere", shard_id=1),
        ]
    )
    assert await store.closed_namespaces(0) == ["one", "two"]


async def test_expired_runs_come_in_order_within_their_bounds(store: Store) -> None:
    owner = await Owner.of(store, 0, 1)
    await owner.commit(
        executions=[
            closed("a", 3_000),
            closed("b", 1_000),
            closed("c", 2_000),
            closed("d", 9_000),
            execution("e", workflow_id="e"),
            closed("f", namespace="other"),
            closed("g", shard_id=1),
        ]
    )
    assert await expired(store) == ["b", "c", "a", "d"]
    assert await expired(store, limit=2) == ["b", "c"]
    assert await expired(store, closed_before_us=3_000) == ["b", "c"]
    assert await expired(store, closed_from_us=2_000, closed_before_us=9_000) == ["c", "a"]
    [run] = await store.expired_runs(0, "other", closed_from_us=0, closed_before_us=10_000, limit=1)
    assert run.history_length == 11


async def test_a_run_with_an_outstanding_task_waits(store: Store) -> None:
    """Its record for lists would be written after it was taken off them, and stay for ever."""
    owner = await Owner.of(store, 0)
    await owner.commit(executions=[closed("a"), closed("b")], transfer_inserts=[task("a", kind=VISIBILITY)])
    assert await expired(store) == ["b"]
    await store.delete_runs(0, owner.shards[0].range_id, [run_id("a"), run_id("b")])
    await owner.commit(transfer_deletes=[TransferKey(0, run_id("a"), VISIBILITY, 2)])
    assert await expired(store) == ["a"]


async def test_a_run_goes_with_all_that_belongs_to_it(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(
        executions=[closed("a"), closed("b"), execution("c", workflow_id="c")],
        history=[history("a", 1), history("a", 2), history("b", 1), history("c", 1)],
        snapshots=[SnapshotRow(0, run_id(name), 1, b"state") for name in "abc"],
        request_results=[RequestResultRow(0, run_id(name), "r", 1_000, b"") for name in "abc"],
    )
    gone = [run_id("a"), run_id("c"), run_id("never was")]
    await store.delete_runs(0, owner.shards[0].range_id, gone)
    assert await store.load([key("a")]) == [[]]
    assert await store.read_history(0, run_id("a")) == []
    assert not await store.request_exists(0, run_id("a"), "r")
    for name in "bc":
        [[kept]] = await store.load([key(name)])
        assert kept.request_ids == ("r",)
        assert len(await store.read_history(0, run_id(name))) == 1
    [[opened]] = await store.load([key("c")])
    assert opened.snapshot == b"state"
    assert await store.delete_runs(0, owner.shards[0].range_id, gone) == 0
    assert await store.delete_runs(0, owner.shards[0].range_id, []) == 0


async def test_its_workflow_id_is_free_again(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(executions=[closed("a")])
    await store.delete_runs(0, owner.shards[0].range_id, [run_id("a")])
    assert await store.load([ExecutionKey(0, "default", "a")]) == [[]]
    await owner.commit(executions=[execution("a", workflow_id="a")])


async def test_only_the_owner_of_the_shard_deletes(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(executions=[closed("a")], history=[history("a")])
    range_id = owner.shards[0].range_id
    await store.acquire_shard(0, "engine-2")
    assert await store.delete_runs(0, range_id, [run_id("a")]) == 0
    assert await store.delete_history(0, range_id, run_id("a"), 10) == 0
    assert len(await store.read_history(0, run_id("a"))) == 1
    await store.delete_runs(0, range_id + 1, [run_id("a")])
    assert await store.load([key("a")]) == [[]]


async def test_a_long_history_goes_in_pieces(store: Store) -> None:
    owner = await Owner.of(store, 0)
    rows = [HistoryRow(0, run_id(name), number, number, b"x") for name in "ab" for number in range(1, 6)]
    await owner.commit(executions=[closed("a"), execution("b", workflow_id="b")], history=rows)
    range_id = owner.shards[0].range_id
    await store.delete_history(0, range_id, run_id("a"), 1)
    left = [row.batch_no for row in await store.read_history(0, run_id("a"))]
    assert left == list(range(left[0], 6))  # from the beginning on; a repeated call takes the next ones
    assert 1 < left[0] <= 5
    while await store.delete_history(0, range_id, run_id("a"), 3):
        assert len(await store.read_history(0, run_id("a"))) < 5
    assert await store.read_history(0, run_id("a")) == []
    assert await store.delete_history(0, range_id, run_id("b"), 3) == 0
    assert len(await store.read_history(0, run_id("b"))) == 5


async def test_lists(store: Store) -> None:
    await store.upsert_visibility([visible("a"), visible("b"), visible("a", namespace="other")])
    await store.delete_visibility("default", [run_id("a"), run_id("never was")])
    await store.delete_visibility("default", [])
    assert [row.run_id for row in await store.list_visibility(ListQuery("default"), limit=10)] == [run_id("b")]
    assert await store.count_visibility(ListQuery("other")) == [GroupCount((), 1)]
