"""Dispatching under limits and by fairness key, on virtual time."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from perdure.protocol.codec import pack
from perdure.protocol.task_queues import FOREVER_US, KeySettings, QueueSettings
from perdure.protocol.tasks import TaskKind, task_member
from perdure_broker.flow import Admission, Candidate, Limits
from perdure_broker.keys import Keys
from perdure_broker.memory import MemoryBroker
from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import BrokerUnavailable, TaskStream, WorkerInfo
from perdure_engine.flow_control import FlowControl
from perdure_engine.matching.flow_dispatching import FlowDispatcher
from perdure_store.flow import QueueSettingsRow
from perdure_store.memory import MemoryStore
from perdure_store.port import TransferKey, TransferRow
from tests.engine_stage import ACTIVITIES, QUEUE, pass_time
from tests.simulation.process import Process

STREAM = Keys().queue(ACTIVITIES).stream


class Broker(MemoryBroker):
    """Loses the answer to an admission that took effect."""

    failures = 0

    async def admit(
        self, stream: TaskStream, term: int, room: int, limits: Limits, candidates: Sequence[Candidate]
    ) -> Admission | None:
        admission = await super().admit(stream, term, room, limits, candidates)
        if self.failures:
            self.failures -= 1
            raise BrokerUnavailable("the answer was lost")
        return admission


class Bench:
    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.server = MemoryServer(now_ms=lambda: int(loop.time() * 1000) + 1)
        self.broker = Broker(self.server)
        self.store = MemoryStore()
        self.flow = FlowControl(self.store)
        self.mine = True
        self.dispatcher = self.new_dispatcher("one")
        self.seen: list[int] = []
        self._task_id = 0
        self._revision = 0

    def new_dispatcher(self, node: str) -> FlowDispatcher:
        process = Process(node, random.Random(1), failed=lambda name, error: None)
        return FlowDispatcher(self.store, self.broker, process, self.flow, ACTIVITIES, node, lambda: self.mine)

    async def set(self, settings: QueueSettings, *, is_known: bool = True) -> None:
        """`is_known`: the engine of the dispatcher has read it."""
        self._revision += 1
        row = QueueSettingsRow("default", QUEUE, 2, self._revision, pack(settings))
        if self._revision == 1:
            await self.store.insert_queue_settings(row)
        else:
            await self.store.update_queue_settings(row)
        if is_known:
            await self.flow.refresh()

    async def add(self, key: str, count: int = 1, *, cost: int = 1, priority: int = 3) -> None:
        for _ in range(count):
            self._task_id += 1
            task = TransferKey(0, "run", TaskKind.ACTIVITY, self._task_id)
            self.store.database.transfer[0][task] = TransferRow(
                *task,
                1,
                self._task_id,
                "default",
                QUEUE,
                priority,
                True,
                1,
                b"%d" % self._task_id,
                b"",
                "",
                key,
                1000,
                cost,
            )
        await self.broker.mark_backlog(ACTIVITIES)

    async def widen(self, slots: int = 500) -> None:
        await self.broker.announce_worker(ACTIVITIES, WorkerInfo("w", "w", slots, 0), 3_600_000)

    async def take(self, count: int = 1_000) -> list[int]:
        """What workers now begin; in all it is in `seen`."""
        entries = await self.broker.read_tasks([ACTIVITIES], "worker", count=count, block_ms=0)
        self.held = getattr(self, "held", []) + entries
        found = [int(entry.data) for entry in entries]
        self.seen += found
        return found

    async def finish(self, count: int = 1_000) -> None:
        """The first of what was taken is done: its rows go, then its entries."""
        done, self.held = self.held[:count], self.held[count:]
        for entry in done:
            event_id = int(entry.data)
            self.store.database.transfer[0].pop(TransferKey(0, "run", TaskKind.ACTIVITY, event_id), None)
            await self.broker.finish(entry.stream, [entry.entry_id], [task_member("run", event_id, 1)])

    async def out(self) -> Counter[str]:
        return Counter(await self.broker.out_by_key(ACTIVITIES))


NOTHING = QueueSettings("default", QUEUE)


@pytest.fixture
async def bench() -> Bench:
    bench = Bench()
    await bench.widen()
    return bench


async def test_without_limits_it_ends_when_the_backlog_does(bench: Bench) -> None:
    await bench.add("a", 20)
    await bench.add("b", 5)
    await bench.dispatcher.run()
    found = await bench.take()
    assert sorted(found) == list(range(1, 26))
    assert found.index(25) < 11, "five of b among the first eleven"
    assert not (await bench.broker.queue_state(ACTIVITIES)).backlogged


async def test_a_rate_holds_and_the_queue_keeps_its_dispatcher(bench: Bench) -> None:
    await bench.set(NOTHING._replace(rate_micro=100_000_000, burst=5))
    running = asyncio.create_task(bench.dispatcher.run())
    await bench.add("", 600)
    for second in range(1, 4):
        await pass_time(1)
        await bench.take()
        await bench.finish()
        assert abs(len(bench.seen) - (100 * second + 5)) <= 2
    await bench.set(NOTHING)
    await pass_time(1)
    assert running.done()
    assert len(await bench.take()) > 250


async def test_one_that_takes_over_goes_on_at_the_same_rate(bench: Bench) -> None:
    await bench.set(NOTHING._replace(rate_micro=50_000_000))
    await bench.add("", 300)
    for number in range(10):
        dispatcher = bench.new_dispatcher(f"node {number}")
        running = asyncio.create_task(dispatcher.run())
        await pass_time(0.2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await bench.take()
    assert 90 <= len(bench.seen) <= 101
    assert len(set(bench.seen)) == len(bench.seen)


async def test_no_more_are_out_than_may_be(bench: Bench) -> None:
    await bench.set(NOTHING._replace(concurrency=3, key_concurrency=2))
    await bench.add("a", 5)
    await bench.add("b", 5)
    running = asyncio.create_task(bench.dispatcher.run())
    while len(bench.seen) < 10:
        await pass_time(0.1)
        assert await bench.take()
        out = await bench.out()
        assert out.total() <= 3
        assert max(out.values()) <= 2
        await bench.finish(1)
    running.cancel()


async def test_a_task_is_published_when_a_worker_has_a_place_for_it(bench: Bench) -> None:
    await bench.widen(slots=4)
    await bench.set(NOTHING._replace(rate_micro=1_000_000_000_000))
    await bench.add("", 50)
    running = asyncio.create_task(bench.dispatcher.run())
    await pass_time(1)
    assert len(await bench.take()) == 4
    await pass_time(1)
    assert await bench.take() == []
    await bench.finish(3)
    await pass_time(0.1)
    assert len(await bench.take()) == 3
    running.cancel()


async def test_a_pause_holds_everything_and_a_paused_key_its_own(bench: Bench) -> None:
    await bench.set(NOTHING._replace(paused_until_us=FOREVER_US))
    await bench.add("a", 2)
    await bench.add("b", 2)
    running = asyncio.create_task(bench.dispatcher.run())
    await pass_time(1)
    assert await bench.take() == []
    assert (await bench.broker.queue_state(ACTIVITIES)).paused, "the owners of shards are refused, too"
    await bench.set(NOTHING._replace(keys=(KeySettings("a", paused_until_us=FOREVER_US),)))
    await pass_time(0.2)
    assert await bench.take() == [3, 4]
    await bench.set(NOTHING)
    await pass_time(0.2)
    assert await bench.take() == [1, 2]
    assert running.done()


async def test_what_another_engine_has_just_paused_or_resumed_stays_so(bench: Bench) -> None:
    await bench.set(NOTHING._replace(concurrency=3))
    running = asyncio.create_task(bench.dispatcher.run())
    await pass_time(0.1)
    await bench.set(NOTHING._replace(concurrency=3, paused_until_us=FOREVER_US), is_known=False)
    await bench.broker.set_paused(ACTIVITIES, True)
    await bench.add("", 9)
    await pass_time(0.5)
    assert await bench.take() == []
    await bench.set(NOTHING._replace(concurrency=3), is_known=False)
    await bench.broker.set_paused(ACTIVITIES, False)
    await pass_time(0.5)
    assert await bench.take() == [1, 2, 3]
    running.cancel()


async def test_a_key_that_is_held_lets_others_pass(bench: Bench) -> None:
    await bench.broker.hold(STREAM, "a", 2_000_000)
    await bench.add("a", 2, priority=1)
    await bench.add("b", 2)
    running = asyncio.create_task(bench.dispatcher.run())
    await pass_time(1)
    assert await bench.take() == [3, 4]
    await pass_time(1.2)
    assert await bench.take() == [1, 2]
    await pass_time(0.1)
    assert running.done()


async def test_a_queue_that_is_held_waits(bench: Bench) -> None:
    await bench.broker.hold(STREAM, "", 2_000_000)
    await bench.add("a")
    running = asyncio.create_task(bench.dispatcher.run())
    await pass_time(1.9)
    assert await bench.take() == []
    await pass_time(0.3)
    assert await bench.take() == [1]
    assert running.done()


async def test_a_key_has_its_own_rate_and_weight(bench: Bench) -> None:
    own = KeySettings("a", rate_micro=10_000_000, burst=1)
    await bench.set(NOTHING._replace(key_rate_micro=20_000_000, keys=(own,)))
    await bench.add("a", 100)
    await bench.add("b", 100)
    await bench.add("", 100)
    running = asyncio.create_task(bench.dispatcher.run())
    await pass_time(2)
    found = Counter("ab-"[(event_id - 1) // 100] for event_id in await bench.take())
    assert found["-"] == 100, "tasks without a key are under the queue's limits alone"
    assert 15 <= found["a"] <= 21
    assert 32 <= found["b"] <= 41
    running.cancel()


async def test_costs_are_what_rates_count(bench: Bench) -> None:
    await bench.set(NOTHING._replace(rate_micro=1000_000_000, burst=100))
    await bench.add("", 100, cost=100)
    running = asyncio.create_task(bench.dispatcher.run())
    await pass_time(2)
    assert 19 <= len(await bench.take()) <= 21
    running.cancel()


async def test_an_answer_that_was_lost_leads_to_nothing_twice(bench: Bench) -> None:
    await bench.set(NOTHING._replace(concurrency=5))
    await bench.add("a", 8)
    bench.broker.failures = 1
    with pytest.raises(BrokerUnavailable):
        await bench.dispatcher.run()
    running = asyncio.create_task(bench.dispatcher.run())
    await pass_time(0.5)
    assert await bench.take() == [1, 2, 3, 4, 5]
    await bench.finish()
    await pass_time(0.5)
    assert await bench.take() == [6, 7, 8]
    running.cancel()


async def test_what_another_dispatcher_published_is_passed_over(bench: Bench) -> None:
    await bench.set(NOTHING._replace(concurrency=4))
    await bench.add("a", 4)
    first = asyncio.create_task(bench.dispatcher.run())
    await pass_time(0.1)
    second = asyncio.create_task(bench.new_dispatcher("two").run())
    await pass_time(0.1)
    await bench.take()
    await bench.add("a", 3)
    await bench.finish()
    await pass_time(0.5)
    await bench.take()
    assert bench.seen == [1, 2, 3, 4, 5, 6, 7]
    assert first.done(), "it was told with its next task"
    second.cancel()


async def test_an_emptied_server_is_told_again(bench: Bench) -> None:
    await bench.set(NOTHING._replace(concurrency=2))
    running = asyncio.create_task(bench.dispatcher.run())
    await pass_time(0.1)
    bench.server.flush()
    await pass_time(0.1)
    assert (await bench.broker.queue_state(ACTIVITIES)).backlogged
    running.cancel()


async def test_a_queue_that_goes_to_another_engine_is_left(bench: Bench) -> None:
    await bench.set(NOTHING._replace(concurrency=2))
    running = asyncio.create_task(bench.dispatcher.run())
    await pass_time(0.1)
    bench.mine = False
    await pass_time(0.1)
    assert running.done()
