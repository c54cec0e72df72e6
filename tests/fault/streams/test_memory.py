"""What stays in Redis, or fills it."""

from __future__ import annotations

import asyncio

import pytest
import redis

from perdure_broker.leases import open_leases
from perdure_broker.port import BrokerUnavailable, Outbox, Publication
from perdure_broker.redis_broker import RedisBroker, open_broker
from perdure_engine.embedded.valkey import EmbeddedValkey
from tests.conformance.broker_servers import ACTIVITY, TTL_MS, WORKER, numbered, publications
from tests.fault.streams.scene import Scene
from tests.fault.streams.workload import TASK_QUEUE, Steps
from tests.fix_redis import PrivateRedis
from tests.waiting import wait_until

RANGES = {1: 1}

LASTING = {"epoch", "cluster", "frontend", "streams"}
"""Keys of a deployment that has nothing to do, beside one inbox a shard and those of queues that somebody polls."""


def keys_of(url: str) -> set[bytes]:
    with redis.Redis.from_url(url) as client:
        return set(client.keys())


async def _finish_ten_thousand(broker: RedisBroker) -> bytes:
    """Publish, take and finish 10,000 tasks. Returns the key of their stream."""
    await broker.announce_worker(ACTIVITY, WORKER._replace(slots=1000), TTL_MS)
    await broker.raise_fence(ACTIVITY, RANGES)
    for round_number in range(10):
        members = numbered(1000, f"round-{round_number}")
        results = await broker.release(Outbox(publish={ACTIVITY: publications(*members)}), RANGES)
        assert results[ACTIVITY].taken == 1000
        entries = await broker.read_tasks([ACTIVITY], "worker-1", count=1000, block_ms=1000)
        finished = {entries[0].stream: ([entry.entry_id for entry in entries], members)}
        await broker.release(Outbox(finished=finished), RANGES)
    return entries[0].stream


async def test_ack_without_delete_fills_memory(broker: RedisBroker, server_url: str) -> None:
    """taskiq-redis#114, redis#6941: XACK frees no entry, and streams grew until Redis was full.

    One script acks and deletes; an idle queue loses its keys, too."""
    stream = await _finish_ten_thousand(broker)
    with redis.Redis.from_url(server_url) as client:
        assert client.xlen(stream) == 0
    await broker.withdraw_worker(ACTIVITY, "worker-1")
    await broker.collect(ACTIVITY, 0)
    assert keys_of(server_url) == set()


async def test_delete_without_ack_leaks_the_pending_list(broker: RedisBroker, server_url: str) -> None:
    """redis#13314: XDEL of an entry that was never acked leaves its place in the pending list for good.

    One script acks and deletes, and in this order."""
    stream = await _finish_ten_thousand(broker)
    with redis.Redis.from_url(server_url) as client:
        assert client.xpending(stream, "g")["pending"] == 0


async def test_consumers_leak_with_every_restart(broker: RedisBroker, server_url: str) -> None:
    """redis#8635, redis#11567: each restarted worker left a consumer behind, for ever.

    A worker that stops takes its consumer along; the consumers of those that vanish are collected."""
    await broker.raise_fence(ACTIVITY, RANGES)
    for number in range(1000):
        worker = f"worker-{number}"
        await broker.announce_worker(ACTIVITY, WORKER._replace(worker=worker), TTL_MS)
        await broker.release(Outbox(publish={ACTIVITY: publications(worker)}), RANGES)
        (entry,) = await broker.read_tasks([ACTIVITY], worker, count=1, block_ms=0)
        await broker.finish(entry.stream, [entry.entry_id], [worker])
        if number % 3:  # the others just vanish
            await broker.withdraw_worker(ACTIVITY, worker)
    with redis.Redis.from_url(server_url) as client:
        assert len(client.xinfo_consumers(broker.keys.queue(ACTIVITY).stream, "g")) == 334
    assert await broker.collect(ACTIVITY, 60_000) == 0
    assert await broker.collect(ACTIVITY, 0) == 334
    for number in range(0, 1000, 3):
        await broker.withdraw_worker(ACTIVITY, f"worker-{number}")  # as when their announcements expire
    await broker.collect(ACTIVITY, 0)
    assert keys_of(server_url) == set()


async def test_batch_script_is_half_applied(private_server: PrivateRedis) -> None:
    """infrahub#10133: a script that runs out of memory in its middle keeps what it had done until then.

    A script that publishes is refused as a whole when memory is full: the server looks before its first command, and
    here a batch crosses the limit. Whatever lets work end (acks, replies, leases, marks) passes all the same."""
    server = private_server(maxmemory="30mb")
    broker = open_broker(server.url)
    try:
        await broker.connect()
        await _fill_and_go_on(broker, server)
    finally:
        await broker.close()


async def _fill_and_go_on(broker: RedisBroker, server: EmbeddedValkey) -> None:
    await broker.announce_worker(ACTIVITY, WORKER._replace(slots=1000), TTL_MS)
    await broker.raise_fence(ACTIVITY, RANGES)
    await broker.open_replies("me", TTL_MS)
    await broker.send([(1, b"request")])
    ((_, inbox),) = await broker.read_inboxes({1: b"0-0"}, count=1, block_ms=1000)
    data, batch, published = b"x" * 30_000, 0, 0
    while True:
        tasks = [Publication(1, f"{batch}-{number}", data) for number in range(100)]
        result = (await broker.release(Outbox(publish={ACTIVITY: tasks}), RANGES))[ACTIVITY]
        published += result.taken
        claims = await broker.published(ACTIVITY, [task.member for task in tasks])
        assert claims == [True] * result.taken + [False] * (100 - result.taken)
        if result.full:
            break
        batch += 1
    assert (await broker.queue_state(ACTIVITY)).undelivered == published
    _limit_memory(server.url, "1mb")

    # What lets work end still passes, in the same call as what does not.
    entries = await broker.read_tasks([ACTIVITY], "worker-1", count=1000, block_ms=1000)
    with pytest.raises(BrokerUnavailable, match="out of memory"):
        await broker.send([(1, b"x")])
    await broker.announce_worker(ACTIVITY, WORKER._replace(slots=1000), TTL_MS)
    results = await broker.release(
        Outbox(
            replies={"me": [b"row-1", b"row-2"]},
            publish={ACTIVITY: tasks[-1:]},
            backlogged={ACTIVITY},
            inbox_deletes={1: [inbox[0].entry_id]},
        ),
        RANGES,
    )
    assert (results[ACTIVITY].taken, results[ACTIVITY].full) == (0, True)
    assert [row.data for row in await broker.read_replies("me", b"0-0", block_ms=1000)] == [b"row-1", b"row-2"]
    assert await broker.inbox_length(1) == 0
    assert (await broker.queue_state(ACTIVITY)).backlogged
    leases = open_leases(server.url)
    renewed = await asyncio.to_thread(leases.renew, "worker-1", {entries[0].stream: [entries[0].entry_id]})
    assert renewed == {}
    await asyncio.to_thread(leases.close)
    await broker.finish(entries[0].stream, [entry.entry_id for entry in entries], [])
    assert (await broker.queue_state(ACTIVITY)).pending == 0
    _limit_memory(server.url, "30mb")
    await broker.send([(1, b"x")])


def _limit_memory(url: str, limit: str) -> None:
    """A limit below what is used makes the server full at once."""
    with redis.Redis.from_url(url) as client:
        client.config_set("maxmemory", limit)


async def test_redis_is_filled_by_finished_work(on_server: Scene, server_url: str) -> None:
    """twenty#26219: finished work and reply keys that nobody reads filled 64.7 of 65.4 GiB.

    What finished work leaves in Redis is nothing; a reply stream expires unless its sender renews it; every other key
    belongs to a queue, a shard or the deployment."""
    await on_server.worker()
    vanished = on_server.worker_process()  # a client, too: it has a reply stream, and never closes it

    async def is_announced() -> bool:
        return len((await on_server.broker.queue_state(on_server.stream())).workers) == 2

    await wait_until(is_announced, what="two workers")
    sizes = []
    for batch in range(2):
        runs = [
            on_server.client.execute_workflow(Steps.run, 2, id=f"run-{batch}-{number}", task_queue=TASK_QUEUE)
            for number in range(100)
        ]
        assert await asyncio.gather(*runs) == [2] * 100
        await on_server.wait_empty()
        sizes.append(keys_of(server_url))
    vanished.kill()
    assert len(sizes[1]) <= len(sizes[0]) + 1, f"new keys: {sizes[1] - sizes[0]}"
    with redis.Redis.from_url(server_url) as client:
        for key in sizes[1]:
            name = key.decode().removeprefix("perdure:")
            if name.startswith("replies:"):
                assert 0 < client.pttl(key) <= 60_000, f"{name} lives for ever"
            elif ":inbox:" in name or ":stream:" in name:
                assert client.xlen(key) == 0, f"{name} holds {client.xlen(key)} entries"
            elif ":ids:" in name:
                assert client.scard(key) == 0, f"{name} holds ids of finished tasks"
            else:
                assert name in LASTING or name.startswith("{default/"), f"whose is {name}?"
