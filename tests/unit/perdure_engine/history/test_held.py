"""The shards that are held: who forgets them, and in which turn they are read."""

from __future__ import annotations

import asyncio

from perdure_engine.history.held import HeldShards
from perdure_engine.history.shard import Shard
from perdure_store.port import ShardRow


def shard(shard_id: int) -> Shard:
    return Shard(ShardRow(shard_id, shard_id + 10, "one", 0, "epoch", f"{shard_id}-0", 1, 0), "epoch")


def test_a_shard_that_is_lost_is_forgotten_between_two_batches() -> None:
    forgotten: list[int] = []
    held = HeldShards(forgotten.append)
    held.put(shard(0))
    held.put(shard(1))
    held.lose((1,))
    assert (held.has_lost(), held.ids(), forgotten) == (True, {0, 1}, [])
    held.drop_lost()
    assert (held.has_lost(), held.ranges(), forgotten) == (False, {0: 10}, [1])


def test_each_inbox_is_read_first_in_turn() -> None:
    held = HeldShards(lambda shard_id: None)
    for shard_id in range(3):
        held.put(shard(shard_id))
    assert [next(iter(held.cursors())) for _ in range(4)] == [1, 2, 0, 1]
    assert set(held.cursors().values()) == {b"0-0"}


async def test_who_waits_for_a_shard_wakes_for_one_and_for_the_end() -> None:
    held = HeldShards(lambda shard_id: None)
    waiting = asyncio.create_task(held.wait())
    held.put(shard(0))
    await waiting
    held.drop(0)
    waiting = asyncio.create_task(held.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    held.stir()
    await waiting
    assert len(held) == 0
