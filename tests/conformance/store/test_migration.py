"""Making and checking the schema."""

from __future__ import annotations

import asyncio

import pytest

from perdure_store.port import SchemaMissing, StoreError
from tests.conformance.store.conftest import MakeStore


async def test_a_store_that_was_not_migrated_says_what_to_do(make_empty_store: MakeStore) -> None:
    store = make_empty_store()
    with pytest.raises(SchemaMissing, match="migrate"):
        await store.connect()
    await store.migrate(4)
    await store.connect()
    assert len(await store.shards()) == 4
    await store.close()


async def test_a_migration_tells_its_steps_once(calm: None, make_empty_store: MakeStore) -> None:
    """Where its answer is lost, the next one tells those that were left."""
    store = make_empty_store()
    steps = await store.migrate(4)
    assert len(steps) == len(set(steps)) > 0
    assert await store.migrate(4) == []


async def test_migrating_again_takes_no_step_and_keeps_the_cluster(
    no_losses: None, make_empty_store: MakeStore
) -> None:
    store = make_empty_store()
    await store.migrate(4)
    await store.connect()
    cluster = await store.cluster()
    assert await store.migrate(32) == []
    assert await store.cluster() == cluster
    assert cluster[1] == len(await store.shards()) == 4
    await store.close()


async def test_many_may_migrate_at_once(no_losses: None, make_empty_store: MakeStore) -> None:
    stores = [make_empty_store() for _ in range(4)]
    steps = await asyncio.gather(*(store.migrate(8) for store in stores))
    taken = [name for names in steps for name in names]
    assert len(taken) == len(set(taken))
    for store in stores:
        await store.connect()
    assert len({await store.cluster() for store in stores}) == 1
    assert [row.shard_id for row in await stores[0].shards()] == list(range(8))
    for store in stores:
        await store.close()


@pytest.mark.parametrize("shard_count", [0, -1, 32768])
async def test_an_impossible_shard_count_is_refused(calm: None, make_empty_store: MakeStore, shard_count: int) -> None:
    with pytest.raises(StoreError, match="between 1 and 32,767"):
        await make_empty_store().migrate(shard_count)
