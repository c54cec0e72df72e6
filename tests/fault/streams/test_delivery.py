"""Entries that nobody sees, or that too many hold."""

from __future__ import annotations

import asyncio

import redis

from perdure_broker.port import Outbox, StreamKind, TaskStream
from perdure_broker.redis_broker import RedisBroker, open_broker
from tests.conformance.broker_servers import ACTIVITY, STICKY, TTL_MS, WORKER, WORKFLOW, numbered, publications
from tests.fault.streams.scene import Scene
from tests.fault.streams.workload import LEASE_SECONDS, TASK_QUEUE, FanOut, SlowOnes, slow_ones

RANGES = {1: 1}
PAIR = (STICKY, WORKFLOW)


async def publish(broker: RedisBroker, stream: TaskStream, *members: str) -> None:
    await broker.raise_fence(stream, RANGES)
    result = (await broker.release(Outbox(publish={stream: publications(*members)}), RANGES))[stream]
    assert result.taken == len(members)


async def test_group_created_at_the_end_loses_earlier_entries(on_server: Scene) -> None:
    """taskiq-redis: the first worker made the group at `$`, and what had been added before was never delivered.

    Groups are made at 0 by whoever comes first, publisher or worker, in the script that needs them."""
    handle = await on_server.client.start_workflow(FanOut.run, 20, id="early", task_queue=TASK_QUEUE)
    state = await on_server.broker.queue_state(on_server.stream(StreamKind.WORKFLOW))
    assert (state.undelivered, len(state.workers)) == (1, 0)
    await on_server.worker()
    assert await asyncio.wait_for(handle.result(), 10) == sum(range(20))


async def test_group_made_again_at_the_end_loses_earlier_entries(broker: RedisBroker, server_url: str) -> None:
    """The same failure by another way: the group is gone (destroyed by hand, or by half of a restored backup).

    A reader that is told NOGROUP makes the group at 0, too. What had been delivered comes again; a run accepts one
    completion of an attempt."""
    await publish(broker, ACTIVITY, "a", "b")
    await broker.read_tasks([ACTIVITY], "worker-1", count=1, block_ms=0)
    with redis.Redis.from_url(server_url) as client:
        assert client.xgroup_destroy(broker.keys.queue(ACTIVITY).stream, "g") == 1
    entries = await broker.read_tasks([ACTIVITY], "worker-2", count=10, block_ms=0)
    assert [entry.data for entry in entries] == [b"a", b"b"]


async def test_prefetched_entries_age_behind_a_slow_handler(on_valkey: Scene) -> None:
    """dapr#4599: entries that were read ahead ran out of their lease while they waited for the one before them.

    A worker asks for as many entries as it has free slots; all others stay undelivered, where nothing ages."""
    count, seconds = 8, LEASE_SECONDS / 4
    slow_ones.most = 0
    await on_valkey.worker(slots=1)
    handle = await on_valkey.client.start_workflow(
        SlowOnes.run, args=[count, seconds], id="slow", task_queue=TASK_QUEUE
    )
    ended = asyncio.create_task(handle.result())
    looks = 0
    while not ended.done():
        state = await on_valkey.broker.queue_state(on_valkey.stream())
        if state.pending:  # all of them have been published: they came in one commit
            looks += 1
            taken, begun = count - state.undelivered, len(on_valkey.journal.lines())
            assert taken - begun <= 1, f"{taken} were taken when {begun} had begun"
        await asyncio.wait([ended], timeout=0.02)
    assert ended.result() == count
    assert looks > count
    assert slow_ones.most == 1
    assert [line.attempt for line in on_valkey.journal.lines()] == [1] * count


async def test_count_is_per_stream_and_delivers_too_much(broker: RedisBroker, on_valkey: Scene) -> None:
    """redis#11116: COUNT of one XREADGROUP over several streams is a limit for each of them, not for all.

    A read asks each stream for its part of the free slots; with fewer slots than streams a script takes from one stream
    after the other."""
    await broker.announce_worker(STICKY, WORKER, TTL_MS)
    for stream in PAIR:
        await publish(broker, stream, *numbered(12, stream.kind.value))
    for count in (1, 2, 3, 5):
        taken = await broker.read_tasks(PAIR, "worker-1", count=count, block_ms=0)
        assert 0 < len(taken) <= count

    slow_ones.most = 0
    await on_valkey.worker(slots=3)
    handle = await on_valkey.client.start_workflow(SlowOnes.run, args=[30, 0.02], id="slots", task_queue=TASK_QUEUE)
    assert await asyncio.wait_for(handle.result(), 10) == 30
    assert slow_ones.most == 3


async def test_deleting_a_consumer_races_a_read(broker: RedisBroker, server_url: str) -> None:
    """redis#9745: DELCONSUMER drops what the consumer holds; between the look at it and the deletion it may read.

    The look and the deletion are one script."""
    other = open_broker(server_url)
    taken: list[bytes] = []

    async def read() -> None:
        while len(taken) < 500:
            entries = await other.read_tasks([ACTIVITY], "worker-1", count=7, block_ms=100)
            taken.extend(entry.entry_id for entry in entries)

    async def collect() -> None:
        while len(taken) < 500:
            await broker.collect(ACTIVITY, 0)

    async def publish_all() -> None:
        await broker.raise_fence(ACTIVITY, RANGES)
        left = publications(*numbered(500))
        while left:
            result = (await broker.release(Outbox(publish={ACTIVITY: left[:16]}), RANGES))[ACTIVITY]
            if result.unproven:  # the stream was idle and has been forgotten
                await broker.raise_fence(ACTIVITY, RANGES)
            left = left[result.taken :]

    try:
        await asyncio.wait_for(asyncio.gather(read(), collect(), publish_all()), 30)
    finally:
        await other.close()
    pending = await broker.scan_pending(ACTIVITY, idle_ms=0)
    assert [entry.entry_id for entry in pending] == taken
    assert await broker.collect(ACTIVITY, 0) == 0
    assert WORKFLOW not in await broker.task_streams()
