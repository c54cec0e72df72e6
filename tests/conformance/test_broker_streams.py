"""Inboxes, replies, frontend, epoch: both brokers, the same behaviour."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from perdure_broker.port import Broker, ClusterInfo, Outbox
from tests.conformance.broker_servers import BROKER_SERVERS, WORKFLOW, BrokerServer, broker_server
from tests.waiting import wait_until


@pytest.fixture(params=BROKER_SERVERS)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[BrokerServer]:
    async with broker_server(request, request.param) as opened:
        yield opened


@pytest.fixture
async def broker(server: BrokerServer) -> Broker:
    return await server.broker()


START = {0: b"0-0", 1: b"0-0", 2: b"0-0"}


async def test_inboxes_give_entries_in_order_by_shard(broker: Broker) -> None:
    await broker.send([(1, b"a"), (2, b"b"), (1, b"c")])
    inboxes = dict(await broker.read_inboxes(START, count=10, block_ms=1000))
    assert {shard: [entry.data for entry in entries] for shard, entries in inboxes.items()} == {
        1: [b"a", b"c"],
        2: [b"b"],
    }


async def test_a_release_sends_to_inboxes(broker: Broker) -> None:
    await broker.release(Outbox(inbox_sends={1: [b"a", b"b"], 2: [b"c"]}), {})
    inboxes = dict(await broker.read_inboxes(START, count=10, block_ms=1000))
    assert {shard: [entry.data for entry in entries] for shard, entries in inboxes.items()} == {
        1: [b"a", b"b"],
        2: [b"c"],
    }


async def test_an_inbox_is_read_from_its_cursor_on(broker: Broker) -> None:
    await broker.send([(1, b"a"), (1, b"b"), (1, b"c")])
    ((_, first),) = await broker.read_inboxes({1: b"0-0"}, count=2, block_ms=1000)
    assert [entry.data for entry in first] == [b"a", b"b"]
    ((_, second),) = await broker.read_inboxes({1: first[-1].entry_id}, count=2, block_ms=1000)
    assert [entry.data for entry in second] == [b"c"]
    ((_, again),) = await broker.read_inboxes({1: b"0-0"}, count=10, block_ms=1000)
    assert [entry.data for entry in again] == [b"a", b"b", b"c"]


async def test_count_is_per_shard(broker: Broker) -> None:
    await broker.send([(shard, b"%d" % number) for number in range(5) for shard in (1, 2)])
    inboxes = dict(await broker.read_inboxes(START, count=2, block_ms=1000))
    assert {shard: [entry.data for entry in entries] for shard, entries in inboxes.items()} == {
        1: [b"0", b"1"],
        2: [b"0", b"1"],
    }


async def test_inbox_entries_are_deleted_by_a_release(broker: Broker) -> None:
    await broker.send([(1, b"a"), (1, b"b")])
    ((_, entries),) = await broker.read_inboxes({1: b"0-0"}, count=10, block_ms=1000)
    await broker.release(Outbox(inbox_deletes={1: [entries[0].entry_id], 2: []}), {1: 1})
    assert await broker.inbox_length(1) == 1
    assert await broker.inbox_length(2) == 0


async def test_a_blocked_inbox_read_returns_with_the_first_entry(server: BrokerServer, broker: Broker) -> None:
    reading = asyncio.create_task(broker.read_inboxes(START, count=10, block_ms=20_000))
    sender = await server.broker()
    await sender.send([(2, b"late")])
    ((shard, entries),) = await asyncio.wait_for(reading, 10)
    assert (shard, [entry.data for entry in entries]) == (2, [b"late"])


async def test_a_blocked_inbox_read_ends_in_time(broker: Broker) -> None:
    assert await asyncio.wait_for(broker.read_inboxes(START, count=10, block_ms=30), 10) == []


async def test_an_inbox_read_that_may_not_block_returns_at_once(broker: Broker) -> None:
    assert await asyncio.wait_for(broker.read_inboxes(START, count=10, block_ms=0), 10) == []


async def test_a_wake_ends_the_read_that_waits(broker: Broker) -> None:
    reading = asyncio.create_task(broker.read_inboxes(START, count=10, block_ms=20_000))
    await asyncio.sleep(0)
    await asyncio.wait_for(broker.wake_inbox_reader(), 10)
    assert await asyncio.wait_for(reading, 10) == []


async def test_a_wake_before_the_read_counts(broker: Broker) -> None:
    await broker.wake_inbox_reader()
    assert await asyncio.wait_for(broker.read_inboxes(START, count=10, block_ms=20_000), 10) == []


async def test_a_wake_counts_once(broker: Broker) -> None:
    await broker.wake_inbox_reader()
    await broker.read_inboxes(START, count=10, block_ms=20_000)
    reading = asyncio.create_task(broker.read_inboxes(START, count=10, block_ms=20_000))
    await broker.send([(1, b"a")])
    assert len(await asyncio.wait_for(reading, 10)) == 1


async def test_many_wakes_never_hang_and_lose_nothing(server: BrokerServer, broker: Broker) -> None:
    """The wake races the read's way to the server, from both sides."""
    sender = await server.broker()
    cursors, got = dict(START), []
    for number in range(50):
        reading = asyncio.create_task(broker.read_inboxes(cursors, count=10, block_ms=20_000))
        await asyncio.sleep(0)
        if number % 3 == 0:
            await sender.send([(1, b"%d" % number)])
        await asyncio.wait_for(broker.wake_inbox_reader(), 10)
        for shard, entries in await asyncio.wait_for(reading, 10):
            got += [entry.data for entry in entries]
            cursors[shard] = entries[-1].entry_id
    for _, entries in await broker.read_inboxes(cursors, count=100, block_ms=0):
        got += [entry.data for entry in entries]
    assert got == [b"%d" % number for number in range(0, 50, 3)]


async def test_a_cancelled_inbox_read_leaves_a_usable_broker(broker: Broker) -> None:
    reading = asyncio.create_task(broker.read_inboxes(START, count=10, block_ms=20_000))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await broker.send([(1, b"a")])
    assert len(await asyncio.wait_for(broker.read_inboxes(START, count=10, block_ms=20_000), 10)) == 1


async def test_replies_reach_their_sender_in_order(broker: Broker) -> None:
    assert await broker.open_replies("me", 60_000) is True
    assert await broker.open_replies("me", 60_000) is False
    rows = [b"%d" % number for number in range(250)]
    await broker.release(Outbox(replies={"me": rows}), {})
    await broker.reply("me", b"last")
    got: list[bytes] = []
    cursor = b"0-0"
    while len(got) < 251:
        entries = await broker.read_replies("me", cursor, block_ms=1000)
        assert entries
        got += [entry.data for entry in entries]
        cursor = entries[-1].entry_id
    assert got == [*rows, b"last"]
    assert await broker.read_replies("me", cursor, block_ms=0) == []


async def test_replies_to_nobody_are_dropped(broker: Broker) -> None:
    await broker.release(Outbox(replies={"nobody": [b"x"]}), {})
    await broker.reply("nobody", b"y")
    assert await broker.open_replies("nobody", 60_000) is True
    assert await broker.read_replies("nobody", b"0-0", block_ms=0) == []


async def test_a_closed_reply_stream_is_gone(broker: Broker) -> None:
    await broker.open_replies("me", 60_000)
    await broker.close_replies("me")
    await broker.close_replies("me")
    assert await broker.open_replies("me", 60_000) is True


async def test_a_reply_stream_expires_when_its_sender_stops(broker: Broker) -> None:
    await broker.open_replies("me", 1)

    async def made_again() -> bool:
        return await broker.open_replies("me", 1)

    await wait_until(made_again, what="the reply stream expired")


async def test_a_blocked_reply_read_returns_with_the_first_row(server: BrokerServer, broker: Broker) -> None:
    await broker.open_replies("me", 60_000)
    reading = asyncio.create_task(broker.read_replies("me", b"0-0", block_ms=20_000))
    other = await server.broker()
    await other.reply("me", b"hello")
    assert [entry.data for entry in await asyncio.wait_for(reading, 10)] == [b"hello"]


async def test_frontend_requests_are_taken_once(server: BrokerServer, broker: Broker) -> None:
    for number in range(5):
        await broker.send_frontend(b"%d" % number)
    other = await server.broker()
    first = await broker.read_frontend("node-1", count=3, block_ms=1000)
    second = await other.read_frontend("node-2", count=3, block_ms=1000)
    assert [entry.data for entry in [*first, *second]] == [b"0", b"1", b"2", b"3", b"4"]
    assert await broker.read_frontend("node-1", count=3, block_ms=0) == []


async def test_a_blocked_frontend_read_returns_with_the_first_request(server: BrokerServer, broker: Broker) -> None:
    reading = asyncio.create_task(broker.read_frontend("node-1", count=3, block_ms=20_000))
    other = await server.broker()
    await other.send_frontend(b"ask")
    assert [entry.data for entry in await asyncio.wait_for(reading, 10)] == [b"ask"]


async def test_cluster_information_is_what_was_published_last(server: BrokerServer, broker: Broker) -> None:
    assert await broker.cluster_info() is None
    await broker.announce_cluster(ClusterInfo("c1", 1, 16))
    await broker.announce_cluster(ClusterInfo("c1", 2, 32, lease_ms=500))
    assert await (await server.broker()).cluster_info() == ClusterInfo("c1", 2, 32, lease_ms=500)


async def test_the_epoch_stays_until_the_server_loses_its_data(server: BrokerServer, broker: Broker) -> None:
    epoch = await broker.epoch()
    assert await (await server.broker()).epoch() == epoch
    await server.flush()
    assert await broker.epoch() != epoch
    assert await broker.cluster_info() is None


async def test_nothing_to_send_is_fine(broker: Broker) -> None:
    await broker.send([])
    assert await broker.release(Outbox(), {}) == {}
    await broker.raise_fence(WORKFLOW, {})
