"""Who owns a shard, and who lives."""

from __future__ import annotations

import pytest

from perdure_store.port import FenceLost, Store, StoreError
from tests.conformance.store.conftest import MakeStore
from tests.store_rows import Owner, execution


async def test_a_new_cluster_has_all_its_shards_and_no_owner(store: Store) -> None:
    cluster_id, shard_count = await store.cluster()
    rows = await store.shards()
    assert len(cluster_id) == 36
    assert [row.shard_id for row in rows] == list(range(shard_count)) == list(range(16))
    assert {(row.range_id, row.owner, row.commit_seq, row.inbox_cursor) for row in rows} == {(0, "", 0, "0-0")}


async def test_acquiring_raises_the_range_and_keeps_the_rest(store: Store) -> None:
    first = await Owner.of(store, 3, name="engine-1")
    await first.commit()
    taken = await store.acquire_shard(3, "engine-2")
    assert taken == first.shards[3]._replace(range_id=2, owner="engine-2")
    assert await store.shard(3) == taken


async def test_an_earlier_owner_cannot_commit(store: Store, make_store: MakeStore) -> None:
    earlier = await Owner.of(store, 0)
    another = make_store()
    await another.connect()
    later = await Owner.of(another, 0, name="engine-2")
    with pytest.raises(FenceLost):
        await earlier.commit(executions=[execution("zombie")])
    await later.commit(executions=[execution("heir", workflow_id="order-2")])
    assert await store.load([]) == []
    assert (await store.shard(0)).commit_seq == 1
    await another.close()


async def test_the_identity_of_a_shard_survives_its_commits(store: Store) -> None:
    owner = await Owner.of(store, 1, 2)
    await owner.commit()
    await owner.commit()
    assert await store.shard(1) == owner.shards[1]
    assert await store.shard(2) == owner.shards[2]
    assert owner.shards[1].commit_seq == 2
    assert (await store.shard(4)).commit_seq == 0


async def test_an_unknown_shard_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="no shard 99"):
        await store.acquire_shard(99, "engine-1")
    with pytest.raises(StoreError, match="no shard 99"):
        await store.shard(99)


async def test_each_beat_raises_the_counter_of_its_node(calm: None, store: Store) -> None:
    assert await store.beat("engine-1", "host-1") == {"engine-1": 1}
    assert await store.beat("engine-2", "host-2") == {"engine-1": 1, "engine-2": 1}
    assert await store.beat("engine-1", "host-1") == {"engine-1": 2, "engine-2": 1}


async def test_a_node_that_retires_is_gone(calm: None, store: Store) -> None:
    await store.beat("engine-1", "host-1")
    await store.beat("engine-2", "host-2")
    await store.retire("engine-1")
    await store.retire("engine-1")
    assert await store.beat("engine-2", "host-2") == {"engine-2": 2}


async def test_a_shard_that_is_let_go_names_no_owner(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await store.release_shard(0, owner.shards[0].range_id)
    assert await store.shard(0) == owner.shards[0]._replace(owner="")


async def test_only_its_owner_lets_a_shard_go(store: Store) -> None:
    earlier = await Owner.of(store, 0, name="engine-1")
    later = await Owner.of(store, 0, name="engine-2")
    await store.release_shard(0, earlier.shards[0].range_id)
    assert await store.shard(0) == later.shards[0]
