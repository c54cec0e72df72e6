"""Attempts that run although the server lost their entry: announced, held by name, watched. All brokers alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from perdure_broker.port import Broker, Leases, Outbox, RunningTask, TaskEntry
from tests.conformance.broker_servers import (
    ACTIVITY,
    BROKER_SERVERS,
    TTL_MS,
    WORKER,
    BrokerServer,
    broker_server,
    publications,
)
from tests.waiting import wait_until

RANGES = {1: 5}


@pytest.fixture(params=BROKER_SERVERS)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[BrokerServer]:
    async with broker_server(request, request.param) as opened:
        yield opened


@pytest.fixture
async def broker(server: BrokerServer) -> Broker:
    return await server.broker()


@pytest.fixture
def leases(server: BrokerServer) -> Leases:
    return server.leases()


async def publish(broker: Broker, *members: str) -> int:
    await broker.raise_fence(ACTIVITY, RANGES)
    results = await broker.release(Outbox(publish={ACTIVITY: publications(*members)}), RANGES)
    return results[ACTIVITY].taken


async def take(broker: Broker, worker: str = "worker-1") -> list[TaskEntry]:
    return await broker.read_tasks([ACTIVITY], worker, count=100, block_ms=0)


async def announce(leases: Leases, *entries: TaskEntry, worker: str = "worker-1", key: str = "") -> list[str]:
    """The members that are held by name; an entry's data is its member here."""
    running = [RunningTask(entry.entry_id, entry.data, entry.data.decode(), 1, key) for entry in entries]
    by_name = await asyncio.to_thread(leases.announce, worker, {entries[0].stream: running})
    return by_name.get(entries[0].stream, [])


async def test_what_the_server_lost_counts_for_its_key_until_it_is_over(
    server: BrokerServer, broker: Broker, leases: Leases
) -> None:
    await publish(broker, "a", "b", "c")
    entries = await take(broker)
    await server.flush()
    await announce(leases, *entries[:2], key="acme")
    await announce(leases, *entries, key="acme")
    await announce(leases, entries[0], worker="worker-2", key="acme")
    assert await broker.out_by_key(ACTIVITY) == {"acme": 3}
    assert await broker.claims(ACTIVITY) == {"a": "acme", "b": "acme", "c": "acme"}
    await asyncio.to_thread(leases.withdraw_announced, "worker-1", {entries[0].stream: ["a"]})
    assert await broker.out_by_key(ACTIVITY) == {"acme": 2}
    await broker.release(Outbox(finished={entries[0].stream: ([], ["b"])}), RANGES)
    assert await broker.out_by_key(ACTIVITY) == {"acme": 1}


async def test_what_the_server_lost_is_held_by_name_and_published_to_nobody(
    server: BrokerServer, broker: Broker, leases: Leases
) -> None:
    await publish(broker, "a", "b")
    first, second = await take(broker)
    await server.flush()
    assert await announce(leases, first, second) == ["a", "b"]
    assert await announce(leases, first, second) == ["a", "b"], "repeating it changes nothing"
    assert await broker.published(ACTIVITY, ["a", "b", "c"]) == [True, True, False]
    assert await publish(broker, "a", "b", "c") == 3
    assert [entry.data for entry in await take(broker, "worker-2")] == [b"c"]
    held = await broker.scan_announced(ACTIVITY, idle_ms=0)
    assert sorted((task.member, task.shard_id, task.worker) for task in held) == [
        ("a", 1, "worker-1"),
        ("b", 1, "worker-1"),
    ]


async def test_an_entry_that_is_still_mine_keeps_its_lease(broker: Broker, leases: Leases) -> None:
    await publish(broker, "a")
    (entry,) = await take(broker)
    assert await announce(leases, entry) == []
    assert await broker.scan_announced(ACTIVITY, idle_ms=0) == []
    (pending,) = await broker.scan_pending(ACTIVITY, idle_ms=0)
    assert (pending.entry_id, pending.consumer, pending.deliveries) == (entry.entry_id, "worker-1", 1)


async def test_an_entry_whose_delivery_was_lost_is_taken_back(
    server: BrokerServer, broker: Broker, leases: Leases
) -> None:
    """As after a failover to a replica that lags: it would be delivered to somebody else."""
    await publish(broker, "a", "b")
    first, _ = await take(broker)
    await server.lose_deliveries(ACTIVITY)
    assert await announce(leases, first) == ["a"]
    assert [entry.data for entry in await take(broker, "worker-2")] == [b"b"]


async def test_the_entry_of_another_task_is_left_alone(broker: Broker, leases: Leases) -> None:
    """Ids can go back: what has the id of an entry that was lost may be another task."""
    await publish(broker, "a", "b")
    first, _ = await take(broker)
    mistaken = first._replace(data=b"other")
    assert await announce(leases, mistaken) == ["other"]
    pending = await broker.scan_pending(ACTIVITY, idle_ms=0)
    assert first.entry_id in [entry.entry_id for entry in pending]


async def test_what_another_worker_was_given_meanwhile_is_held_by_name_too(broker: Broker, leases: Leases) -> None:
    await publish(broker, "a")
    (entry,) = await take(broker, "worker-2")
    assert await announce(leases, entry) == ["a"]
    (pending,) = await broker.scan_pending(ACTIVITY, idle_ms=0)
    assert pending.consumer == "worker-2"


async def test_the_first_to_announce_an_attempt_holds_it(server: BrokerServer, broker: Broker, leases: Leases) -> None:
    await publish(broker, "a")
    (entry,) = await take(broker)
    await server.flush()
    assert await announce(leases, entry) == ["a"]
    assert await announce(leases, entry, worker="worker-2") == []
    key = entry.stream
    assert await asyncio.to_thread(leases.renew_announced, "worker-2", {key: ["a"]}) == {key: ["a"]}
    await asyncio.to_thread(leases.withdraw_announced, "worker-2", {key: ["a"]})
    assert await asyncio.to_thread(leases.renew_announced, "worker-1", {key: ["a", "b"]}) == {key: ["b"]}
    await asyncio.to_thread(leases.withdraw_announced, "worker-1", {key: ["a"]})
    assert await asyncio.to_thread(leases.renew_announced, "worker-1", {key: ["a"]}) == {key: ["a"]}


async def test_a_worker_gives_up_the_claim_of_what_it_announced_when_it_was_over(
    server: BrokerServer, broker: Broker, leases: Leases
) -> None:
    """Its engine had given the claim up, when the announcement made it again."""
    await publish(broker, "over", "lost")
    over, lost = await take(broker)
    await server.flush()
    await broker.finish(over.stream, [over.entry_id], ["over"])
    await announce(leases, over, lost)
    assert await broker.published(ACTIVITY, ["over", "lost"]) == [True, True]
    await asyncio.to_thread(leases.withdraw_announced, "worker-2", {over.stream: ["over"]})
    assert await broker.published(ACTIVITY, ["over"]) == [True]
    await asyncio.to_thread(leases.withdraw_announced, "worker-1", {over.stream: ["over"]})
    await broker.withdraw_announced("worker-1", {over.stream: ["lost"]})
    assert await broker.published(ACTIVITY, ["over", "lost"]) == [False, True]


async def test_a_lease_by_name_that_is_not_renewed_grows_old(
    server: BrokerServer, broker: Broker, leases: Leases
) -> None:
    await publish(broker, "kept", "left")
    kept, left = await take(broker)
    await server.flush()
    await announce(leases, kept, left)

    async def only_one_is_idle() -> bool:
        await asyncio.to_thread(leases.renew_announced, "worker-1", {kept.stream: ["kept"]})
        idle = await broker.scan_announced(ACTIVITY, idle_ms=200)
        assert [task.member for task in idle] in ([], ["left"])
        return bool(idle)

    await wait_until(only_one_is_idle, what="an old lease")
    await broker.withdraw_announced("worker-1", {kept.stream: ["left"]})
    assert [task.member for task in await broker.scan_announced(ACTIVITY, idle_ms=0)] == ["kept"]


async def test_a_stream_of_announced_attempts_is_known_and_kept(
    server: BrokerServer, broker: Broker, leases: Leases
) -> None:
    await publish(broker, "a")
    (entry,) = await take(broker)
    await server.flush()
    assert await broker.task_streams() == []
    await announce(leases, entry)
    assert await broker.task_streams() == [ACTIVITY]
    await broker.finish(entry.stream, [], ["a"])
    await broker.collect(ACTIVITY, 0)
    assert await broker.task_streams() == [ACTIVITY]
    await asyncio.to_thread(leases.withdraw_announced, "worker-1", {entry.stream: ["a"]})
    await broker.collect(ACTIVITY, 0)
    assert await broker.task_streams() == []


async def test_keys_that_are_none_of_ours_are_passed_over(broker: Broker, leases: Leases) -> None:
    await broker.announce_worker(ACTIVITY, WORKER, TTL_MS)
    foreign = {b"perdure:cluster": [RunningTask(b"1-1", b"", "a", 1)]}
    assert await asyncio.to_thread(leases.announce, "worker-1", foreign) == {}
    strange = {b"perdure:cluster": ["a"]}
    assert await asyncio.to_thread(leases.renew_announced, "worker-1", strange) == strange
    await asyncio.to_thread(leases.withdraw_announced, "worker-1", strange)


async def test_the_epoch_of_the_leases_is_the_broker_s(server: BrokerServer, broker: Broker, leases: Leases) -> None:
    before = await broker.epoch()
    assert await asyncio.to_thread(leases.epoch) == before
    await server.flush()
    after = await asyncio.to_thread(leases.epoch)
    assert after == await broker.epoch() != before


async def test_a_claim_whose_entry_is_gone_is_collected_unless_it_is_held_by_name(
    server: BrokerServer, broker: Broker, leases: Leases
) -> None:
    """Somebody deleted entries by hand."""
    await publish(broker, "held", "deleted", "there")
    held, deleted, there = await take(broker)
    await broker.finish(held.stream, [held.entry_id, deleted.entry_id])
    await announce(leases, held)
    await broker.collect(ACTIVITY, 60_000)
    assert await broker.published(ACTIVITY, ["held", "deleted", "there"]) == [True, True, True], (
        "the stream has entries"
    )
    await broker.finish(there.stream, [there.entry_id])
    await broker.collect(ACTIVITY, 60_000)
    assert await broker.published(ACTIVITY, ["held", "deleted", "there"]) == [True, False, False]
