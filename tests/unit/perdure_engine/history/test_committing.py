"""Committing: each way in which the store answers, and what two batches under way mean for each other."""

from __future__ import annotations

import asyncio
import random

import pytest

from perdure_engine.history.batch import Batch
from perdure_engine.history.committing import UNDER_WAY_MAX, BatchLost, Committer
from perdure_engine.history.shard import Shard
from perdure_engine.history.windows import Windows
from perdure_store.memory import CommitFault, MemoryDatabase, MemoryStore
from perdure_store.port import BatchRejected, CommitBatch, StoreUnavailable
from tests.engine_stage import POST, ROUTING, pass_time
from tests.simulation.process import Process


class Bench:
    """A committer, shards that are owned, and faults to come."""

    def __init__(self) -> None:
        self.database = MemoryDatabase()
        self.faults: list[CommitFault] = []
        self.slow_s: list[float] = []
        self.store = MemoryStore(self.database, on_commit=self._on_commit)
        self.durable: asyncio.Queue[Batch] = asyncio.Queue()
        self.failures = 0
        process = Process("one", random.Random(1), failed=lambda name, error: None)
        self.committer = Committer(self.store, process, self.durable, failed=self._failed)
        self.shards: dict[int, Shard] = {}

    async def open(self) -> Bench:
        await self.store.migrate(4)
        for shard_id in range(4):
            self.shards[shard_id] = Shard(await self.store.acquire_shard(shard_id, "one"), "epoch")
        return self

    def batch(self, *shard_ids: int) -> Batch:
        batch = Batch(1_000, 0.0, Windows(), POST, ROUTING)
        for shard_id in shard_ids or (0,):
            batch.touch(self.shards[shard_id])
        batch.seal()
        return batch

    def released(self) -> list[Batch]:
        found = []
        while not self.durable.empty():
            found.append(self.durable.get_nowait())
        return found

    async def _on_commit(self, batch: CommitBatch) -> CommitFault:
        if self.slow_s:
            await pass_time(self.slow_s.pop(0))
        return self.faults.pop(0) if self.faults else CommitFault.NONE

    def _failed(self) -> None:
        self.failures += 1


@pytest.fixture
async def bench() -> Bench:
    return await Bench().open()


@pytest.mark.parametrize("fault", list(CommitFault))
async def test_whatever_happens_once_the_batch_is_committed_once(bench: Bench, fault: CommitFault) -> None:
    bench.faults = [fault]
    batch = bench.batch(0, 1)
    await bench.committer.submit(batch)
    await bench.committer.settle()
    assert bench.released() == [batch]
    assert [bench.database.shards[shard_id].commit_seq for shard_id in (0, 1)] == [1, 1]
    assert bench.failures == 0


async def test_two_unknown_outcomes_in_a_row_are_resolved(bench: Bench) -> None:
    bench.faults = [CommitFault.UNKNOWN_LOST, CommitFault.UNKNOWN_WRITTEN]
    batch = bench.batch()
    await bench.committer.submit(batch)
    await bench.committer.settle()
    assert bench.released() == [batch]
    assert bench.database.shards[0].commit_seq == 1


async def test_the_store_that_is_asked_what_became_of_a_batch_may_be_away(bench: Bench) -> None:
    answers = [StoreUnavailable("not now")]

    async def on_call(method: str) -> None:
        if method == "shard" and answers:
            raise answers.pop()

    bench.store._on_call = on_call  # the store's own hook, set late
    bench.faults = [CommitFault.UNKNOWN_WRITTEN]
    await bench.committer.submit(bench.batch())
    await bench.committer.settle()
    assert len(bench.released()) == 1
    assert not answers


async def test_a_lost_shard_loses_the_batch(bench: Bench) -> None:
    batch = bench.batch(0, 1)
    await bench.store.acquire_shard(1, "thief")
    await bench.committer.submit(batch)
    with pytest.raises(BatchLost) as caught:
        await bench.committer.settle()
    assert (caught.value.batch, caught.value.rejected) == (batch, False)
    assert bench.released() == []
    assert bench.database.shards[0].commit_seq == 0
    assert bench.failures == 1


async def test_an_unknown_outcome_on_a_shard_that_was_lost_since_is_judged_by_the_others(bench: Bench) -> None:
    stolen = asyncio.Event()

    async def steal() -> None:
        while bench.database.shards[0].commit_seq == 0:
            await pass_time(0.001)
        await bench.store.acquire_shard(0, "thief")
        stolen.set()

    bench.faults = [CommitFault.UNKNOWN_WRITTEN]
    stealing = asyncio.ensure_future(steal())
    batch = bench.batch(0, 1)
    await bench.committer.submit(batch)
    await bench.committer.settle()
    await stealing
    assert stolen.is_set()
    assert bench.released() == [batch]


async def test_what_a_batch_has_noted_counts_from_its_commit_on(bench: Bench) -> None:
    """Its release may be long in coming, and what was read be read again meanwhile."""
    told: list[int] = []
    bench.slow_s = [1.0]
    batch = bench.batch(0)
    batch.noted.append(lambda: told.append(bench.durable.qsize()))
    await bench.committer.submit(batch)
    await pass_time(0.5)
    assert told == []
    await bench.committer.settle()
    assert told == [0]
    assert bench.released() == [batch]
    lost = bench.batch(1)
    lost.noted.append(lambda: told.append(-1))
    await bench.store.acquire_shard(1, "another")
    await bench.committer.submit(lost)
    with pytest.raises(BatchLost):
        await bench.committer.settle()
    assert told == [0]


async def test_a_refused_batch_is_lost_and_says_why(bench: Bench) -> None:
    def refuse(batch: CommitBatch) -> None:
        raise BatchRejected("no such value")

    bench.database.commit = refuse  # type: ignore[method-assign]  # a fault of the database, for this test
    await bench.committer.submit(bench.batch())
    await pass_time(0.1)
    assert bench.committer.has_failed
    with pytest.raises(BatchLost, match="no such value") as caught:
        await bench.committer.settle()
    assert caught.value.rejected
    assert not bench.committer.has_failed
    await bench.committer.settle()  # it is told once


async def test_batches_become_durable_in_order_although_the_earlier_one_is_slow(bench: Bench) -> None:
    bench.slow_s = [1.0, 0.0]
    first, second = bench.batch(0), bench.batch(1)
    await bench.committer.submit(first)
    await bench.committer.submit(second)
    await pass_time(0.5)
    assert bench.released() == []
    await bench.committer.settle()
    assert bench.released() == [first, second]


async def test_a_later_batch_that_arrives_first_waits_for_the_earlier_one(bench: Bench) -> None:
    bench.slow_s = [1.0, 0.0]
    batches = [bench.batch(0), bench.batch(0)]
    for batch in batches:
        await bench.committer.submit(batch)
    await bench.committer.settle()
    assert bench.released() == batches
    assert bench.database.shards[0].commit_seq == 2


async def test_no_more_than_two_are_under_way(bench: Bench) -> None:
    bench.slow_s = [1.0] * (UNDER_WAY_MAX + 1)
    before = asyncio.get_running_loop().time()
    for _ in range(UNDER_WAY_MAX):
        await bench.committer.submit(bench.batch(0))
    assert asyncio.get_running_loop().time() == before
    await bench.committer.submit(bench.batch(0))
    assert asyncio.get_running_loop().time() >= before + 1.0
    await bench.committer.settle()


async def test_what_was_decided_after_a_lost_batch_is_lost_with_it(bench: Bench) -> None:
    first, second = bench.batch(0), bench.batch(0)
    await bench.store.acquire_shard(0, "thief")
    await bench.committer.submit(first)
    await bench.committer.submit(second)
    with pytest.raises(BatchLost) as caught:
        await bench.committer.settle()
    assert caught.value.batch is first
    assert bench.released() == []


async def test_a_later_batch_of_other_shards_that_was_written_counts(bench: Bench) -> None:
    first, second = bench.batch(0), bench.batch(1)
    await bench.store.acquire_shard(0, "thief")
    await bench.committer.submit(first)
    await bench.committer.submit(second)
    with pytest.raises(BatchLost):
        await bench.committer.settle()
    assert bench.released() == [second]
    assert bench.database.shards[1].commit_seq == 1


async def test_a_cancelled_wait_loses_nothing(bench: Bench) -> None:
    bench.slow_s = [1.0]
    batch = bench.batch()
    await bench.committer.submit(batch)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await bench.committer.settle()
    await bench.committer.settle()
    assert bench.released() == [batch]


async def test_shards_of_a_lost_batch_that_may_still_arrive_are_named_once(bench: Bench) -> None:
    """The later batch's connection breaks, then the earlier one is lost: the later one may arrive at any time."""
    first, second = bench.batch(0), bench.batch(0, 1)
    bench.faults = [CommitFault.NONE, CommitFault.UNKNOWN_LOST]
    await bench.store.acquire_shard(0, "thief")
    await bench.committer.submit(first)
    await bench.committer.submit(second)
    with pytest.raises(BatchLost):
        await bench.committer.settle()
    assert bench.committer.take_doubtful() == {0, 1}
    assert bench.committer.take_doubtful() == frozenset()


async def test_a_batch_that_was_committed_in_the_end_leaves_no_doubt(bench: Bench) -> None:
    bench.faults = [CommitFault.UNKNOWN_LOST]
    await bench.committer.submit(bench.batch())
    await bench.committer.settle()
    assert bench.committer.take_doubtful() == frozenset()
