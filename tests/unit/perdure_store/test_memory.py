"""The hooks of the in-memory store. What it does is the matter of tests/conformance/store."""

from __future__ import annotations

import pytest

from perdure_store.memory import CommitFault, MemoryDatabase, MemoryStore
from perdure_store.port import (
    CommitBatch,
    SerializationConflict,
    StoreError,
    StoreUnavailable,
    UnknownOutcome,
)
from tests.store_rows import Owner, execution


@pytest.mark.parametrize(
    ("fault", "raised", "commit_seq"),
    [
        (CommitFault.UNAVAILABLE, StoreUnavailable, 0),
        (CommitFault.CONFLICT, SerializationConflict, 0),
        (CommitFault.UNKNOWN_LOST, UnknownOutcome, 0),
        (CommitFault.UNKNOWN_WRITTEN, UnknownOutcome, 1),
    ],
)
async def test_a_commit_meets_its_fate(fault: CommitFault, raised: type[StoreError], commit_seq: int) -> None:
    seen: list[CommitBatch] = []

    async def fate(batch: CommitBatch) -> CommitFault:
        seen.append(batch)
        return fault if len(seen) == 1 else CommitFault.NONE

    store = MemoryStore(on_commit=fate)
    await store.migrate(1)
    owner = await Owner.of(store)
    batch = owner.batch(executions=[execution("a")])
    with pytest.raises(raised):
        await store.commit(batch)
    assert (await store.shard(0)).commit_seq == commit_seq
    if not commit_seq:
        await store.commit(batch)
    assert (0, batch.executions[0].run_id) in store.database.executions
    assert seen[0] is batch


async def test_a_call_can_fail() -> None:
    down = False
    called: list[str] = []

    async def look(method: str) -> None:
        called.append(method)
        if down:
            raise StoreUnavailable("the database is down, says the test")

    store = MemoryStore(on_call=look)
    await store.migrate(1)
    down = True
    with pytest.raises(StoreUnavailable):
        await store.load([])
    assert called == ["migrate", "load"]


async def test_two_stores_share_a_database() -> None:
    data = MemoryDatabase()
    first, second = MemoryStore(data), MemoryStore(data)
    await first.migrate(2)
    await second.connect()
    assert await first.cluster() == await second.cluster()
    assert (await first.acquire_shard(1, "engine-1")).range_id == 1
    assert (await second.acquire_shard(1, "engine-2")).range_id == 2
