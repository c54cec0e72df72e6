"""The backlog of one queue: in order, within the window, each row once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence

import pytest

from perdure.protocol.tasks import TaskKind, task_member
from perdure_broker.memory import MemoryBroker, MemoryLeases
from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import BrokerUnavailable, Publication, PublishResult, RunningTask, TaskStream, WorkerInfo
from perdure_engine.matching import dispatching
from perdure_engine.matching.dispatching import LOOK_AGAIN_S, Dispatcher
from perdure_engine.outstanding import ANNOUNCEMENTS_S
from perdure_store.memory import MemoryStore
from perdure_store.port import TransferKey, TransferRow
from tests.engine_stage import ACTIVITIES, QUEUE, pass_time
from tests.simulation.process import Process


class Broker(MemoryBroker):
    """Loses the answer to publications that took effect."""

    failures = 0

    async def publish_backlog(
        self, stream: TaskStream, term: int, publications: Sequence[Publication]
    ) -> PublishResult | None:
        result = await super().publish_backlog(stream, term, publications)
        if self.failures:
            self.failures -= 1
            raise BrokerUnavailable("the answer was lost")
        return result


class Bench:
    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.server = MemoryServer(now_ms=lambda: int(loop.time() * 1000) + 1)
        self.broker = Broker(self.server)
        self.store = MemoryStore()
        self.dispatcher = self.new_dispatcher("one")

    def new_dispatcher(self, node: str, skew_us: int = 0) -> Dispatcher:
        process = Process(node, random.Random(1), failed=lambda name, error: None)
        process.skew_us = skew_us
        return Dispatcher(self.store, self.broker, process, ACTIVITIES, node)

    async def add(self, *event_ids: int, priority: int = 3, shard_id: int = 0) -> None:
        """Backlog rows whose task id is their event id."""
        for event_id in event_ids:
            key = TransferKey(shard_id, f"run-{shard_id}", TaskKind.ACTIVITY, event_id)
            row = TransferRow(*key, 1, event_id, "default", QUEUE, priority, True, 1, b"%d" % event_id)
            self.store.database.transfer[shard_id][key] = row
        await self.broker.mark_backlog(ACTIVITIES)

    async def take(self, count: int = 1_000) -> list[int]:
        entries = await self.broker.read_tasks([ACTIVITIES], "worker", count=count, block_ms=0)
        self.held = entries
        return [int(entry.data) for entry in entries]

    async def finish(self, shard_id: int = 0) -> None:
        """What was taken is done: its rows go, then its entries."""
        for entry in self.held:
            event_id = int(entry.data)
            self.store.database.transfer[shard_id].pop(
                TransferKey(shard_id, f"run-{shard_id}", TaskKind.ACTIVITY, event_id), None
            )
            member = task_member(f"run-{shard_id}", event_id, 1)
            await self.broker.finish(entry.stream, [entry.entry_id], [member])

    async def widen(self, slots: int = 500) -> None:
        await self.broker.announce_worker(ACTIVITIES, WorkerInfo("w", "w", slots, 0), 3_600_000)


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_the_backlog_is_published_and_the_mark_goes(bench: Bench) -> None:
    await bench.add(1, 2, 3)
    assert await bench.dispatcher.drain()
    assert await bench.take() == [1, 2, 3]
    assert not (await bench.broker.queue_state(ACTIVITIES)).backlogged


async def test_higher_priorities_go_first_and_shards_take_turns(bench: Bench) -> None:
    await bench.widen()
    await bench.add(1, 2, priority=5)
    await bench.add(3, 4, priority=1)
    await bench.add(5, 6, priority=1, shard_id=1)
    await bench.add(7, priority=3)
    assert await bench.dispatcher.drain()
    assert await bench.take() == [3, 5, 4, 6, 7, 1, 2]


async def test_a_priority_that_had_none_is_asked_again_when_the_backlog_grows(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    backlog = bench.store.backlog

    async def spied(
        namespace: str, task_queue: str, kind: int, priority: int, cursors: Mapping[int, int], *, limit: int
    ) -> list[TransferRow]:
        asked.append(priority)
        return await backlog(namespace, task_queue, kind, priority, cursors, limit=limit)

    monkeypatch.setattr(bench.store, "backlog", spied)
    monkeypatch.setattr(dispatching, "PAGE", 10)
    await bench.widen(slots=20)
    await bench.add(*range(1, 101), priority=4)
    draining = asyncio.create_task(bench.dispatcher.drain())
    await pass_time(1)
    looks = len(asked)
    assert asked.count(1) == asked.count(2) == 1
    await bench.add(200, priority=2)
    while not draining.done():
        await bench.take(20)
        await bench.finish()
        await pass_time(1)
    assert asked[looks : looks + 5] == [1, 2, 2, 3, 4]
    assert asked[-5:] == [1, 2, 3, 4, 5]


async def test_no_more_than_the_window_is_published(bench: Bench) -> None:
    await bench.add(*range(1, 101))
    draining = asyncio.ensure_future(bench.dispatcher.drain())
    await pass_time(1)
    state = await bench.broker.queue_state(ACTIVITIES)
    assert state.undelivered == state.window == 16
    seen: list[int] = []
    while not draining.done():
        seen += await bench.take()
        await pass_time(0.2)
    seen += await bench.take()
    assert seen == list(range(1, 101))


async def test_a_paused_queue_waits(bench: Bench) -> None:
    await bench.broker.set_paused(ACTIVITIES, True)
    await bench.add(1)
    draining = asyncio.ensure_future(bench.dispatcher.drain())
    await pass_time(5)
    assert await bench.take() == []
    await bench.broker.set_paused(ACTIVITIES, False)
    assert await draining
    assert await bench.take() == [1]


async def test_two_dispatchers_publish_nothing_twice(bench: Bench) -> None:
    await bench.add(*range(1, 101))
    older = asyncio.ensure_future(bench.dispatcher.drain())
    await pass_time(1)
    newer = asyncio.ensure_future(bench.new_dispatcher("two").drain())
    seen: list[int] = []
    while not (newer.done() and older.done()):
        seen += await bench.take()
        await pass_time(0.2)
    seen += await bench.take()
    assert seen == list(range(1, 101))


async def test_a_newer_dispatcher_ends_the_older_one(bench: Bench) -> None:
    await bench.add(*range(1, 101))
    older = asyncio.ensure_future(bench.dispatcher.drain())
    await pass_time(1)
    assert await bench.broker.take_dispatch(ACTIVITIES, "two", 2**60)
    await bench.take()
    assert await older is False


async def test_a_dispatcher_goes_on_where_it_was(bench: Bench) -> None:
    await bench.add(1, 2)
    assert await bench.dispatcher.drain()
    assert await bench.take() == [1, 2]
    await bench.add(3)
    assert await bench.dispatcher.drain()
    assert await bench.take() == [3]


async def test_a_row_that_is_finished_while_it_is_read_is_not_published(bench: Bench) -> None:
    """Another dispatcher published it: its activity must not start again."""
    await bench.add(1, 2)
    assert await bench.new_dispatcher("before").drain()
    assert await bench.take() == [1, 2]
    await bench.add(3)

    async def finish(method: str) -> None:
        if method == "transfer_rows":
            await bench.finish()

    await pass_time(1)
    bench.store._on_call = finish
    bench.server.queues[ACTIVITIES].claimed.clear()
    assert await bench.dispatcher.drain()
    assert await bench.take() == [3]


async def test_a_lost_answer_publishes_nothing_twice(bench: Bench) -> None:
    await bench.add(1, 2)
    bench.broker.failures = 1
    with pytest.raises(BrokerUnavailable):
        await bench.dispatcher.drain()
    assert await bench.take() == [1, 2]
    await bench.finish()
    await bench.add(3)
    assert await bench.dispatcher.drain()
    assert await bench.take() == [3]


async def test_an_emptied_broker_gets_everything_again(bench: Bench) -> None:
    await bench.add(1, 2)
    assert await bench.dispatcher.drain()
    bench.server.flush()
    await bench.broker.mark_backlog(ACTIVITIES)
    assert await bench.dispatcher.drain()
    assert await bench.take() == [1, 2]


async def test_after_a_loss_the_backlog_of_activities_waits_for_what_workers_announce(bench: Bench) -> None:
    await bench.add(1, 2)
    assert await bench.dispatcher.drain()
    bench.server.flush()
    await bench.broker.mark_backlog(ACTIVITIES)
    draining = asyncio.ensure_future(bench.dispatcher.drain())
    await pass_time(ANNOUNCEMENTS_S - 1)
    key = bench.server.keys.queue(ACTIVITIES).stream
    running = RunningTask(b"1-0", b"1", task_member("run-0", 1, 1), 0)
    MemoryLeases(bench.server).announce("worker", {key: [running]})
    assert await draining
    assert await bench.take() == [2]


async def test_what_the_stream_lost_is_found_after_a_while(bench: Bench) -> None:
    await bench.add(1, 2)
    assert await bench.dispatcher.drain()
    queue = bench.server.queues[ACTIVITIES]
    queue.stream.delete_before(b"9999999999999999-0")
    queue.claimed.clear()
    await pass_time(LOOK_AGAIN_S + 1)
    await bench.broker.mark_backlog(ACTIVITIES)
    assert await bench.dispatcher.drain()
    assert await bench.take() == [1, 2]


async def test_what_comes_while_the_end_is_reached_is_not_left_behind(bench: Bench) -> None:
    await bench.add(1)
    late = [2]

    async def add_late(method: str) -> None:
        if method == "backlog" and late and bench.server.queues[ACTIVITIES].stream.undelivered:
            await bench.add(late.pop(), priority=1)

    bench.store._on_call = add_late
    assert await bench.dispatcher.drain()
    assert sorted(await bench.take()) == [1, 2]
    assert not (await bench.broker.queue_state(ACTIVITIES)).backlogged


async def test_the_widest_window_is_filled_too(bench: Bench) -> None:
    """A page is smaller than the room that is waited for."""
    await bench.widen(slots=1_000_000)
    await bench.add(*range(1, 1_201))
    assert await bench.dispatcher.drain()
    assert await bench.take(2_000) == list(range(1, 1_201))
