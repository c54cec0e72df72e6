"""The hooks of the in-memory server: its clock, its waiting, and the ways in which it fails."""

from __future__ import annotations

import asyncio

import pytest

from perdure_broker.memory import MemoryBroker, MemoryLeases
from perdure_broker.memory_server import Drain, MemoryServer
from perdure_broker.port import BrokerUnavailable, Outbox, Publication, StreamKind, TaskStream, WorkerInfo

QUEUE = TaskStream("default", "orders", StreamKind.ACTIVITY)
STICKY = TaskStream("default", "orders", StreamKind.STICKY, "w")
WORKER = WorkerInfo("w", "host", 10, 0)


class VirtualTime:
    """A clock that moves when somebody sleeps, at once."""

    def __init__(self) -> None:
        self.now_ms_value = 1_000
        self.slept: list[float] = []

    def now_ms(self) -> int:
        return self.now_ms_value

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)
        self.now_ms_value += round(seconds * 1000)


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def server(time: VirtualTime) -> MemoryServer:
    return MemoryServer(now_ms=time.now_ms, sleep=time.sleep)


async def publish(broker: MemoryBroker, *members: str, stream: TaskStream = QUEUE) -> int:
    await broker.raise_fence(stream, {1: 1})
    tasks = [Publication(1, member, member.encode()) for member in members]
    return (await broker.release(Outbox(publish={stream: tasks}), {1: 1}))[stream].taken


async def test_blocked_reads_take_no_real_time(server: MemoryServer, time: VirtualTime) -> None:
    broker = MemoryBroker(server)
    assert await broker.read_tasks([QUEUE], "w", count=1, block_ms=3_600_000) == []
    assert await broker.read_inboxes({1: b"0-0"}, count=1, block_ms=5_000) == []
    assert time.slept == [3600.0, 5.0]


async def test_announcements_and_streams_expire_by_the_clock(server: MemoryServer, time: VirtualTime) -> None:
    broker = MemoryBroker(server)
    await broker.announce_worker(STICKY, WORKER, 10_000)
    assert await publish(broker, "a", stream=STICKY) == 1
    time.now_ms_value += 9_999
    (seen,) = (await broker.queue_state(STICKY)).workers
    assert seen.age_ms == 9_999
    time.now_ms_value += 1
    assert (await broker.queue_state(STICKY)).workers == ()
    assert await broker.task_streams() == [STICKY]
    time.now_ms_value += 100_000
    assert await broker.task_streams() == []


async def test_leases_run_by_the_clock(server: MemoryServer, time: VirtualTime) -> None:
    broker, leases = MemoryBroker(server), MemoryLeases(server)
    await publish(broker, "a", "b")
    first, second = await broker.read_tasks([QUEUE], "w", count=2, block_ms=0)
    time.now_ms_value += 20_000
    assert leases.renew("w", {first.stream: [first.entry_id]}) == {}
    time.now_ms_value += 10_000
    assert [(entry.entry_id, entry.idle_ms) for entry in await broker.scan_pending(QUEUE, idle_ms=30_000)] == [
        (second.entry_id, 30_000)
    ]
    leases.close()


async def test_a_flush_is_another_epoch(server: MemoryServer) -> None:
    broker = MemoryBroker(server)
    epoch = await broker.epoch()
    await publish(broker, "a")
    server.flush()
    assert await broker.epoch() != epoch
    assert await broker.task_streams() == []
    results = await broker.release(Outbox(publish={QUEUE: [Publication(1, "a", b"a")]}), {1: 1})
    assert results[QUEUE].unproven == (1,)


async def test_a_stopped_server_fails_every_call_and_keeps_its_data() -> None:
    server = MemoryServer()
    broker = MemoryBroker(server)
    await publish(broker, "a")
    reading = asyncio.create_task(broker.read_frontend("node", count=1, block_ms=20_000))
    await asyncio.sleep(0)
    server.stop()
    with pytest.raises(BrokerUnavailable):
        await reading
    for call in (broker.epoch(), broker.send([(1, b"x")]), broker.read_tasks([QUEUE], "w", count=1, block_ms=10_000)):
        with pytest.raises(BrokerUnavailable):
            await call
    with pytest.raises(BrokerUnavailable):
        MemoryLeases(server).renew("w", {})
    server.start()
    assert len(await broker.read_tasks([QUEUE], "w", count=1, block_ms=0)) == 1


async def test_a_full_server_takes_nothing_new(server: MemoryServer) -> None:
    broker = MemoryBroker(server)
    await broker.open_replies("me", 10_000)
    term = await broker.take_dispatch(QUEUE, "node")
    await publish(broker, "a")
    server.full = True
    (entry,) = await broker.read_tasks([QUEUE], "w", count=1, block_ms=0)
    for call in (broker.send([(1, b"x")]), broker.send_frontend(b"x"), broker.publish_query(QUEUE, b"x")):
        with pytest.raises(BrokerUnavailable, match="memory"):
            await call
    backlog = await broker.publish_backlog(QUEUE, term, [Publication(1, "c", b"c")])
    assert backlog is not None
    assert backlog.full
    results = await broker.release(
        Outbox(
            replies={"me": [b"row"]},
            publish={QUEUE: [Publication(1, "b", b"b")]},
            finished={entry.stream: ([entry.entry_id], ["a"])},
        ),
        {1: 1},
    )
    assert (results[QUEUE].taken, results[QUEUE].full) == (0, True)
    assert [row.data for row in await broker.read_replies("me", b"0-0", block_ms=0)] == [b"row"]
    assert (await broker.queue_state(QUEUE)).pending == 0


async def test_the_longest_waiting_reader_is_served_first() -> None:
    server = MemoryServer()
    broker = MemoryBroker(server)
    readers = [
        asyncio.create_task(broker.read_tasks([QUEUE], worker, count=1, block_ms=20_000))
        for worker in ("first", "second")
    ]
    await asyncio.sleep(0)
    await publish(broker, "a")
    assert [entry.data for entry in await readers[0]] == [b"a"]
    await publish(broker, "b")
    assert [entry.data for entry in await readers[1]] == [b"b"]
    await broker.close()


def test_the_drain_is_measured_over_periods() -> None:
    drain = Drain()
    drain.finished(100, 1_000)
    assert drain.per_window(1_000) == 0
    drain.finished(300, 1_050)
    assert drain.per_window(1_050) == 300
    drain.finished(100, 1_100)
    assert drain.per_window(1_100) == 200
    assert drain.per_window(1_299) == 200
    assert drain.per_window(1_300) == 0


async def test_what_came_since_the_data_was_saved_is_lost_when_they_are_restored() -> None:
    server = MemoryServer()
    broker = MemoryBroker(server)
    await broker.send([(1, b"kept")])
    await publish(broker, "kept")
    saved, epoch = server.save(), await broker.epoch()
    await broker.send([(1, b"lost")])
    await publish(broker, "lost")
    server.restore(saved)
    [(_, entries)] = await broker.read_inboxes({1: b"0-0"}, count=10, block_ms=0)
    assert [entry.data for entry in entries] == [b"kept"]
    assert await broker.published(QUEUE, ["kept", "lost"]) == [True, False]
    assert await broker.epoch() != epoch
    await broker.send([(1, b"new")])
    server.restore(saved)
    assert await broker.inbox_length(1) == 1, "what was saved is not what is changed"
