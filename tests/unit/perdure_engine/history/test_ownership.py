"""Ownership: who holds which shard, as nodes come, go, and fail half-way."""

from __future__ import annotations

import random

import pytest

from perdure_engine.history.ownership import NODE_TIMEOUT_S, Ownership, preferred_node
from perdure_store.memory import MemoryDatabase, MemoryStore
from perdure_store.port import SchemaMissing, SchemaTooNew, ShardRow, StoreDefect, StoreError, StoreUnavailable
from tests.engine_stage import pass_time
from tests.simulation.process import Process

SHARDS = 16


class Holder:
    """Holds shards as the history service does, and lets go through the store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.shards: dict[int, ShardRow] = {}

    def held(self) -> frozenset[int]:
        return frozenset(self.shards)

    async def gain(self, row: ShardRow) -> None:
        self.shards[row.shard_id] = row

    async def give_up(self, shard_id: int) -> None:
        row = self.shards.pop(shard_id)
        await self._store.release_shard(shard_id, row.range_id)


class Node:
    def __init__(self, database: MemoryDatabase, name: str) -> None:
        self.failing = ""
        self.error: StoreError = StoreUnavailable("not now")
        self.store = MemoryStore(database, on_call=self._on_call)
        self.holder = Holder(self.store)
        process = Process(name, random.Random(1), failed=lambda name, error: None)
        self.ownership = Ownership(self.store, process, self.holder, node=name, shard_count=SHARDS)

    async def _on_call(self, method: str) -> None:
        if method == self.failing:
            raise self.error


async def settled(*nodes: Node, beats: int = 3) -> None:
    for _ in range(beats):
        for node in nodes:
            await node.ownership.settle()
        await pass_time(1)


async def database() -> MemoryDatabase:
    store = MemoryStore()
    await store.migrate(SHARDS)
    return store.database


def owners(database: MemoryDatabase) -> set[str]:
    return {row.owner for row in database.shards.values()}


def assert_split(database: MemoryDatabase, *nodes: Node) -> None:
    """Each shard is held by exactly one, by the range that the store says."""
    held = [shard_id for node in nodes for shard_id in node.holder.held()]
    assert sorted(held) == list(range(SHARDS))
    for node in nodes:
        for shard_id, row in node.holder.shards.items():
            assert database.shards[shard_id].range_id == row.range_id


def test_rendezvous_moves_only_what_is_its_own() -> None:
    names = [f"shard {number}" for number in range(200)]
    before = {name: preferred_node(name, ["a", "b"]) for name in names}
    after = {name: preferred_node(name, ["a", "b", "c"]) for name in names}
    assert all(after[name] in (before[name], "c") for name in names)
    assert 30 < sum(node == "c" for node in after.values()) < 110


async def test_the_first_node_takes_everything() -> None:
    data = await database()
    node = Node(data, "a")
    await node.ownership.settle()
    assert_split(data, node)


async def test_a_second_node_gets_its_share_by_handover() -> None:
    data = await database()
    first, second = Node(data, "a"), Node(data, "b")
    await first.ownership.settle()
    await settled(first, second)
    assert_split(data, first, second)
    assert owners(data) == {"a", "b"}


async def test_nothing_is_taken_from_a_node_that_is_alive() -> None:
    data = await database()
    first, second = Node(data, "a"), Node(data, "b")
    await first.ownership.settle()
    await second.ownership.settle()
    assert second.holder.held() == frozenset()


async def test_the_shards_of_a_silent_node_are_taken_after_a_while() -> None:
    data = await database()
    first, second = Node(data, "a"), Node(data, "b")
    await settled(first, second)
    for _ in range(int(NODE_TIMEOUT_S) - 1):
        await settled(second, beats=1)
    assert len(second.holder.held()) < SHARDS
    await settled(second)
    assert second.holder.held() == frozenset(range(SHARDS))
    assert second.ownership.live_nodes() == ["b"]


async def test_a_shard_taken_behind_its_back_is_taken_again() -> None:
    """Two that start together do not see each other: one takes what the other has, then hands it over to nobody."""
    data = await database()
    first, second = Node(data, "a"), Node(data, "b")
    await settled(first, second)
    shard_id = min(first.holder.held())
    taken = await second.store.acquire_shard(shard_id, "b")
    await second.store.release_shard(shard_id, taken.range_id)
    await settled(first, second)
    assert_split(data, first, second)


async def test_a_retired_node_leaves_nothing_behind() -> None:
    data = await database()
    first, second = Node(data, "a"), Node(data, "b")
    await settled(first, second)
    await first.ownership.retire()
    assert (first.holder.held(), "a" in data.nodes, "a" in owners(data)) == (frozenset(), False, False)
    await settled(second, beats=1)
    assert_split(data, second)


async def test_a_handover_that_the_store_cut_short_is_completed() -> None:
    """The holder let go, but the store still names it: others would wait for it for ever."""
    data = await database()
    first, second = Node(data, "a"), Node(data, "b")
    await first.ownership.settle()
    await second.ownership.settle()
    first.failing = "release_shard"
    with pytest.raises(StoreUnavailable):
        await first.ownership.settle()
    first.failing = ""
    await settled(first, second)
    assert_split(data, first, second)


@pytest.mark.parametrize("error", [SchemaTooNew("upgrade"), SchemaMissing("migrate"), StoreDefect("report")])
async def test_an_engine_that_does_not_fit_the_schema_ends(error: StoreError) -> None:
    node = Node(await database(), "a")
    node.failing, node.error = "beat", error
    with pytest.raises(type(error)):
        await node.ownership.run()


async def test_a_shard_that_was_acquired_and_not_gained_is_let_go_at_the_end() -> None:
    data = await database()
    node = Node(data, "a")
    await node.store.acquire_shard(3, "a")
    await node.ownership.retire()
    assert owners(data) == {""}


async def test_a_node_that_was_stopped_takes_nothing_from_those_that_went_on() -> None:
    data = await database()
    first, second = Node(data, "a"), Node(data, "b")
    await settled(first, second)
    for _ in range(8):
        await settled(second, beats=1)
    assert second.holder.held() == frozenset(range(SHARDS))
    await first.ownership.settle()
    assert "b" in first.ownership.live_nodes()
    assert owners(data) == {"b"}
