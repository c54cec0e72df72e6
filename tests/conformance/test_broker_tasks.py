"""Publishing, taking, finishing, leases, matching's view: both brokers, the same behaviour."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from perdure_broker.port import (
    LEASE_DEFAULT_MS,
    WINDOW_MAX,
    WINDOW_MIN,
    Broker,
    Outbox,
    Publication,
    PublishResult,
    StreamKind,
    TaskEntry,
    TaskStream,
    WorkerInfo,
)
from tests.conformance.broker_servers import (
    ACTIVITY,
    BROKER_SERVERS,
    STICKY,
    TTL_MS,
    WORKER,
    WORKFLOW,
    BrokerServer,
    broker_server,
    numbered,
    publications,
)
from tests.waiting import wait_until

RANGES = {1: 5, 2: 5}


@pytest.fixture(params=BROKER_SERVERS)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[BrokerServer]:
    async with broker_server(request, request.param) as opened:
        yield opened


@pytest.fixture
async def broker(server: BrokerServer) -> Broker:
    """A broker of an engine that has proven its shards for the queue."""
    broker = await server.broker()
    await broker.raise_fence(WORKFLOW, RANGES)
    return broker


async def publish(
    broker: Broker, stream: TaskStream, *members: str, ranges: dict[int, int] | None = None
) -> PublishResult:
    results = await broker.release(Outbox(publish={stream: publications(*members)}), ranges or RANGES)
    return results[stream]


async def take(broker: Broker, *streams: TaskStream, count: int = 100, worker: str = "worker-1") -> list[TaskEntry]:
    return await broker.read_tasks(streams, worker, count=count, block_ms=2000)


def data_of(entries: list[TaskEntry]) -> list[str]:
    return [entry.data.decode() for entry in entries]


# Publishing and taking -----------------------------------------------------------------------------------------------
async def test_published_tasks_are_taken_in_order_and_once(server: BrokerServer, broker: Broker) -> None:
    result = await publish(broker, WORKFLOW, *numbered(10))
    assert (result.taken, result.free, result.backlogged) == (10, WINDOW_MIN - 10, False)
    other = await server.broker()
    first = await take(broker, WORKFLOW, count=4)
    second = await take(other, WORKFLOW, worker="worker-2")
    assert data_of(first) + data_of(second) == numbered(10)
    assert await broker.read_tasks([WORKFLOW], "worker-1", count=10, block_ms=0) == []


async def test_entries_added_before_the_first_worker_are_seen(broker: Broker) -> None:
    """Groups start at 0, never at the end of the stream."""
    await publish(broker, ACTIVITY, "early")
    await broker.announce_worker(ACTIVITY, WORKER, TTL_MS)
    assert data_of(await take(broker, ACTIVITY)) == ["early"]


async def test_finished_tasks_leave_nothing(broker: Broker) -> None:
    await publish(broker, WORKFLOW, *numbered(10))
    entries = await take(broker, WORKFLOW)
    await broker.release(
        Outbox(finished={entries[0].stream: ([entry.entry_id for entry in entries], numbered(10))}), RANGES
    )
    state = await broker.queue_state(WORKFLOW)
    assert (state.undelivered, state.pending) == (0, 0)
    assert await broker.published(WORKFLOW, numbered(10)) == [False] * 10


async def test_finish_is_safe_to_repeat_and_ignores_what_is_no_task_stream(broker: Broker) -> None:
    await publish(broker, WORKFLOW, "a", "b")
    entries = await take(broker, WORKFLOW)
    for _ in range(2):
        await broker.finish(entries[0].stream, [entries[0].entry_id], ["a"])
    await broker.finish(b"", [b"1-1"])
    await broker.finish(b"perdure:cluster", [b"1-1"], ["id"])
    assert await broker.published(WORKFLOW, ["a", "b"]) == [False, True]
    assert (await broker.queue_state(WORKFLOW)).pending == 1


async def test_publishing_is_safe_to_repeat(broker: Broker) -> None:
    for _ in range(2):
        assert (await publish(broker, WORKFLOW, *numbered(10))).taken == 10
    assert data_of(await take(broker, WORKFLOW)) == numbered(10)


async def test_a_blocked_read_returns_with_the_first_task(broker: Broker) -> None:
    await broker.announce_worker(WORKFLOW, WORKER, TTL_MS)
    await broker.announce_worker(STICKY, WORKER, TTL_MS)
    for stream in (WORKFLOW, STICKY):
        for count in (1, 10):
            reading = asyncio.create_task(
                broker.read_tasks([STICKY, WORKFLOW], "worker-1", count=count, block_ms=20_000)
            )
            await asyncio.sleep(0)
            await publish(broker, stream, f"{stream.kind}-{count}")
            assert data_of(await asyncio.wait_for(reading, 10)) == [f"{stream.kind}-{count}"]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
async def test_never_more_tasks_than_asked_for(broker: Broker, count: int) -> None:
    """COUNT of the server's command is per stream; free slots are not."""
    await broker.announce_worker(STICKY, WORKER, TTL_MS)
    await publish(broker, WORKFLOW, *numbered(10, "normal"))
    await publish(broker, STICKY, *numbered(10, "sticky"))
    got: list[str] = []
    while len(got) < 20:
        entries = await take(broker, STICKY, WORKFLOW, count=count)
        assert 1 <= len(entries) <= count
        got += data_of(entries)
    assert sorted(got) == sorted(numbered(10, "normal") + numbered(10, "sticky"))


async def test_a_read_for_no_slots_takes_nothing(broker: Broker) -> None:
    await publish(broker, WORKFLOW, "a")
    assert await broker.read_tasks([WORKFLOW], "worker-1", count=0, block_ms=20_000) == []
    assert await broker.read_tasks([], "worker-1", count=1, block_ms=20_000) == []


@pytest.mark.parametrize("count", [1, 10])
async def test_a_read_ends_in_time(broker: Broker, count: int) -> None:
    reading = broker.read_tasks([STICKY, WORKFLOW], "worker-1", count=count, block_ms=30)
    assert await asyncio.wait_for(reading, 10) == []


async def test_a_wake_ends_the_reads_that_wait(server: BrokerServer) -> None:
    worker = await server.broker()
    await worker.announce_worker(WORKFLOW, WORKER, TTL_MS)
    reading = asyncio.create_task(worker.read_tasks([WORKFLOW], "worker-1", count=1, block_ms=20_000))

    async def ended() -> bool:
        await worker.wake_task_readers()
        return reading.done()

    await wait_until(ended, what="the read ended", every_seconds=0.01)
    assert reading.result() == []


# Fences --------------------------------------------------------------------------------------------------------------
async def test_a_publisher_without_a_fence_must_prove_itself(server: BrokerServer) -> None:
    broker = await server.broker()
    outbox = Outbox(publish={WORKFLOW: [*publications("a"), *publications("b", shard_id=2)]})
    result = (await broker.release(outbox, RANGES))[WORKFLOW]
    assert (result.taken, sorted(result.unproven), result.stale) == (0, [1, 2], ())
    await broker.raise_fence(WORKFLOW, RANGES)
    assert (await broker.release(outbox, RANGES))[WORKFLOW].taken == 2


async def test_a_stale_publisher_publishes_nothing(server: BrokerServer, broker: Broker) -> None:
    newer = await server.broker()
    await newer.raise_fence(WORKFLOW, {2: 6})
    outbox = Outbox(publish={WORKFLOW: [*publications("a"), *publications("b", shard_id=2)]})
    result = (await broker.release(outbox, RANGES))[WORKFLOW]
    assert (result.taken, result.stale, result.unproven) == (0, (2,), ())
    assert await broker.published(WORKFLOW, ["a", "b"]) == [False, False]
    assert (await newer.release(outbox, {1: 5, 2: 6}))[WORKFLOW].taken == 2


async def test_a_newer_range_raises_the_fence(server: BrokerServer, broker: Broker) -> None:
    newer = await server.broker()
    assert (await publish(newer, WORKFLOW, "a", ranges={1: 6})).taken == 1
    assert (await publish(broker, WORKFLOW, "b")).stale == (1,)


async def test_a_fence_is_never_lowered_and_spans_the_queue(broker: Broker) -> None:
    await broker.raise_fence(ACTIVITY, {1: 10})
    await broker.raise_fence(WORKFLOW, {1: 9})
    assert (await publish(broker, WORKFLOW, "a", ranges={1: 9})).stale == (1,)
    assert (await publish(broker, WORKFLOW, "a", ranges={1: 10})).taken == 1


async def test_one_refused_stream_does_not_hold_the_others_back(server: BrokerServer, broker: Broker) -> None:
    elsewhere = TaskStream("default", "other", StreamKind.WORKFLOW)
    outbox = Outbox(publish={elsewhere: publications("x"), WORKFLOW: publications("a")})
    results = await broker.release(outbox, RANGES)
    assert results[elsewhere].unproven == (1,)
    assert results[WORKFLOW].taken == 1


# The window ----------------------------------------------------------------------------------------------------------
async def test_the_window_bounds_undelivered_entries(broker: Broker) -> None:
    result = await publish(broker, WORKFLOW, *numbered(30))
    assert (result.taken, result.free) == (WINDOW_MIN, 0)
    assert await broker.published(WORKFLOW, numbered(30)) == [True] * WINDOW_MIN + [False] * (30 - WINDOW_MIN)
    assert len(await take(broker, WORKFLOW, count=10)) == 10
    assert (await publish(broker, WORKFLOW, *numbered(30))).taken == WINDOW_MIN + 10
    state = await broker.queue_state(WORKFLOW)
    assert (state.undelivered, state.pending, state.window) == (WINDOW_MIN, 10, WINDOW_MIN)


async def test_announced_slots_widen_the_window(broker: Broker) -> None:
    await broker.announce_worker(WORKFLOW, WORKER, TTL_MS)
    await broker.announce_worker(WORKFLOW, WorkerInfo("worker-2", "host 2", 50, 0), TTL_MS)
    assert (await broker.queue_state(WORKFLOW)).window == 300
    assert (await publish(broker, WORKFLOW, *numbered(400))).taken == 300
    await broker.announce_worker(WORKFLOW, WORKER._replace(slots=10), TTL_MS)
    assert (await broker.queue_state(WORKFLOW)).window == 120
    await broker.withdraw_worker(WORKFLOW, "worker-1")
    await broker.withdraw_worker(WORKFLOW, "worker-1")
    assert (await broker.queue_state(WORKFLOW)).window == 100


async def test_the_window_has_an_upper_bound(broker: Broker) -> None:
    await broker.announce_worker(WORKFLOW, WORKER._replace(slots=1_000_000), TTL_MS)
    assert (await broker.queue_state(WORKFLOW)).window == WINDOW_MAX


async def test_an_expired_announcement_does_not_count(broker: Broker) -> None:
    await broker.announce_worker(WORKFLOW, WORKER, 1)

    async def expired() -> bool:
        return (await broker.queue_state(WORKFLOW)).window == WINDOW_MIN

    await wait_until(expired, what="the announcement expired", every_seconds=0.01)
    assert (await broker.queue_state(WORKFLOW)).workers == ()


async def test_a_measured_drain_widens_the_window(broker: Broker) -> None:
    """50 ms of drain may wait in the stream: a queue that finishes fast is given more."""
    await broker.announce_worker(WORKFLOW, WORKER, 60_000)
    number = 0

    async def widened() -> bool:
        nonlocal number
        for _ in range(20):
            number += 1
            await publish(broker, WORKFLOW, *numbered(200, f"round-{number}"))
            entries = await take(broker, WORKFLOW, count=200)
            members = [entry.data.decode() for entry in entries]
            await broker.finish(entries[0].stream, [entry.entry_id for entry in entries], members)
        return (await broker.queue_state(WORKFLOW)).window > 200

    await wait_until(widened, what="the window follows the drain", every_seconds=0.01)

    async def narrowed() -> bool:
        return (await broker.queue_state(WORKFLOW)).window == 200

    await wait_until(narrowed, what="the window forgets the drain", every_seconds=0.05)


async def test_workers_are_told_with_their_age(broker: Broker) -> None:
    assert await broker.announce_worker(WORKFLOW, WORKER, TTL_MS) == LEASE_DEFAULT_MS
    (seen,) = (await broker.queue_state(WORKFLOW)).workers
    assert (seen.worker, seen.identity, seen.slots) == ("worker-1", "host 1", 100)
    assert 0 <= seen.age_ms < 30_000


# Pause and backlog ---------------------------------------------------------------------------------------------------
async def test_a_paused_queue_takes_nothing(broker: Broker) -> None:
    await publish(broker, WORKFLOW, "before")
    await broker.set_paused(WORKFLOW, True)
    result = await publish(broker, WORKFLOW, "before", "after")
    assert (result.taken, result.free) == (1, 0)
    assert (await broker.queue_state(WORKFLOW)).paused
    await broker.set_paused(WORKFLOW, False)
    assert (await publish(broker, WORKFLOW, "before", "after")).taken == 2


async def test_nobody_overtakes_a_backlog(broker: Broker) -> None:
    await broker.mark_backlog(WORKFLOW)
    result = await publish(broker, WORKFLOW, "a")
    assert (result.taken, result.free, result.backlogged) == (0, WINDOW_MIN, True)
    state = await broker.queue_state(WORKFLOW)
    assert (state.backlogged, state.backlog_version) == (True, 1)
    assert await broker.clear_backlog(WORKFLOW, 1)
    assert (await publish(broker, WORKFLOW, "a")).taken == 1


async def test_what_a_batch_publishes_goes_ahead_of_the_backlog_that_it_leaves(broker: Broker) -> None:
    await publish(broker, WORKFLOW, "first")
    outbox = Outbox(publish={WORKFLOW: publications("a", "b")}, backlogged={WORKFLOW})
    result = (await broker.release(outbox, RANGES))[WORKFLOW]
    assert (result.taken, result.backlogged) == (2, False)
    assert (await publish(broker, WORKFLOW, "c")).taken == 0


async def test_a_backlog_marked_meanwhile_is_not_cleared(broker: Broker) -> None:
    await broker.mark_backlog(WORKFLOW)
    version = (await broker.queue_state(WORKFLOW)).backlog_version
    await broker.release(Outbox(backlogged={WORKFLOW}), RANGES)
    assert not await broker.clear_backlog(WORKFLOW, version)
    assert (await broker.queue_state(WORKFLOW)).backlogged
    assert await broker.clear_backlog(WORKFLOW, version + 1)
    assert await broker.clear_backlog(ACTIVITY, 0)


async def test_the_dispatcher_publishes_backlog_within_the_window(broker: Broker) -> None:
    await broker.mark_backlog(WORKFLOW)
    term = await broker.take_dispatch(WORKFLOW, "node-1")
    result = await broker.publish_backlog(WORKFLOW, term, publications(*numbered(20)))
    assert result is not None
    assert (result.taken, result.free, result.backlogged) == (WINDOW_MIN, 0, True)
    await take(broker, WORKFLOW)
    result = await broker.publish_backlog(WORKFLOW, term, publications(*numbered(20)))
    assert result is not None
    assert (result.taken, result.free) == (20, WINDOW_MIN - 4)
    assert data_of(await take(broker, WORKFLOW)) == numbered(20)[WINDOW_MIN:]


async def test_a_newer_dispatcher_takes_over(broker: Broker) -> None:
    older = await broker.take_dispatch(WORKFLOW, "node-1")
    assert await broker.take_dispatch(WORKFLOW, "node-1", older) == older
    newer = await broker.take_dispatch(WORKFLOW, "node-2")
    assert newer > older
    assert await broker.publish_backlog(WORKFLOW, older, publications("a")) is None
    assert (await broker.publish_backlog(WORKFLOW, newer, publications("a"))).taken == 1  # type: ignore[union-attr]
    assert await broker.take_dispatch(WORKFLOW, "node-1", older) > newer


async def test_a_paused_backlog_waits(broker: Broker) -> None:
    term = await broker.take_dispatch(WORKFLOW, "node-1")
    await broker.set_paused(WORKFLOW, True)
    result = await broker.publish_backlog(WORKFLOW, term, publications("a"))
    assert result is not None
    assert (result.taken, result.free) == (0, 0)


# Sticky streams ------------------------------------------------------------------------------------------------------
async def test_a_sticky_stream_takes_tasks_while_its_worker_is_announced(broker: Broker) -> None:
    result = await publish(broker, STICKY, "a")
    assert (result.taken, result.gone) == (0, True)
    await broker.announce_worker(STICKY, WORKER, TTL_MS)
    await broker.mark_backlog(WORKFLOW)
    result = await publish(broker, STICKY, *numbered(100))
    assert (result.taken, result.gone, result.backlogged) == (100, False, False)
    assert data_of(await take(broker, STICKY)) == numbered(100)


async def test_a_sticky_stream_is_fenced_too(broker: Broker) -> None:
    await broker.announce_worker(STICKY, WORKER, TTL_MS)
    assert (await publish(broker, STICKY, "a", ranges={1: 4})).stale == (1,)


async def test_a_withdrawn_sticky_worker_takes_no_more(broker: Broker) -> None:
    await broker.announce_worker(STICKY, WORKER, TTL_MS)
    await publish(broker, STICKY, "a", "b")
    (first,) = await take(broker, STICKY, count=1)
    assert await broker.forget_sticky(STICKY) == []
    await broker.withdraw_worker(STICKY, "worker-1")
    result = await publish(broker, STICKY, "a", "c")
    assert (result.taken, result.gone) == (1, True)
    assert await broker.forget_sticky(STICKY) == [b"a", b"b"]
    assert await broker.forget_sticky(STICKY) == []
    assert STICKY not in await broker.task_streams()
    await broker.finish(first.stream, [first.entry_id], ["a"])


async def test_finishing_on_a_sticky_stream(broker: Broker) -> None:
    await broker.announce_worker(STICKY, WORKER, TTL_MS)
    await publish(broker, STICKY, "a")
    (entry,) = await take(broker, STICKY, WORKFLOW)
    await broker.release(Outbox(finished={entry.stream: ([entry.entry_id], ["a"])}), RANGES)
    assert (await broker.queue_state(STICKY)).pending == 0
    assert await broker.published(STICKY, ["a"]) == [False]


async def test_queries_need_no_claim_and_no_window(broker: Broker) -> None:
    await publish(broker, WORKFLOW, *numbered(WINDOW_MIN))
    assert await broker.publish_query(WORKFLOW, b"query")
    assert data_of(await take(broker, WORKFLOW)) == [*numbered(WINDOW_MIN), "query"]
    assert not await broker.publish_query(STICKY, b"query")
    await broker.announce_worker(STICKY, WORKER, TTL_MS)
    assert await broker.publish_query(STICKY, b"query")
    assert data_of(await take(broker, STICKY)) == ["query"]


# Leases --------------------------------------------------------------------------------------------------------------
async def test_a_lease_is_set_for_a_queue(broker: Broker) -> None:
    assert (await broker.queue_state(WORKFLOW)).lease_ms == LEASE_DEFAULT_MS
    await broker.set_lease(WORKFLOW, 2000)
    assert await broker.announce_worker(WORKFLOW, WORKER, TTL_MS) == 2000
    assert (await broker.queue_state(WORKFLOW)).lease_ms == 2000


async def test_renewal_keeps_what_is_mine_and_tells_what_is_not(server: BrokerServer, broker: Broker) -> None:
    await publish(broker, WORKFLOW, *numbered(4))
    mine = await take(broker, WORKFLOW, count=2)
    other = await take(broker, WORKFLOW, worker="worker-2")
    leases = server.leases()
    key = mine[0].stream
    ids = [entry.entry_id for entry in [*mine, *other]]
    lost = await asyncio.to_thread(leases.renew, "worker-1", {key: ids, b"foreign": [b"1-1"]})
    assert {stream: sorted(entry_ids) for stream, entry_ids in lost.items()} == {
        key: sorted(ids[2:]),
        b"foreign": [b"1-1"],
    }
    await broker.finish(key, [ids[0]])
    assert await asyncio.to_thread(leases.renew, "worker-1", {key: ids[:2]}) == {key: ids[:1]}
    assert await asyncio.to_thread(leases.renew, "worker-1", {key: []}) == {}


async def test_renewal_resets_the_idle_time_and_raises_no_delivery_count(server: BrokerServer, broker: Broker) -> None:
    await publish(broker, WORKFLOW, "kept", "left")
    kept, left = await take(broker, WORKFLOW)
    leases = server.leases()

    async def only_one_is_idle() -> bool:
        await asyncio.to_thread(leases.renew, "worker-1", {kept.stream: [kept.entry_id]})
        idle = await broker.scan_pending(WORKFLOW, idle_ms=400)
        assert [entry.entry_id for entry in idle] in ([], [left.entry_id])
        return bool(idle)

    await wait_until(only_one_is_idle, what="the entry that is not renewed turns idle", every_seconds=0.05)
    everything = await broker.scan_pending(WORKFLOW, idle_ms=0)
    assert [(entry.entry_id, entry.consumer, entry.deliveries) for entry in everything] == [
        (kept.entry_id, "worker-1", 1),
        (left.entry_id, "worker-1", 1),
    ]


async def test_pending_entries_are_scanned_in_pages(broker: Broker) -> None:
    await broker.announce_worker(WORKFLOW, WORKER, TTL_MS)
    await publish(broker, WORKFLOW, *numbered(25))
    ids = [entry.entry_id for entry in await take(broker, WORKFLOW)]
    page = await broker.scan_pending(WORKFLOW, idle_ms=0, count=10)
    assert [entry.entry_id for entry in page] == ids[:10]
    page = await broker.scan_pending(WORKFLOW, idle_ms=0, start=ids[9], count=100)
    assert [entry.entry_id for entry in page] == ids[9:]
    assert await broker.scan_pending(WORKFLOW, idle_ms=60_000) == []
    assert await broker.scan_pending(ACTIVITY, idle_ms=0) == []


async def test_entries_are_read_by_id(broker: Broker) -> None:
    await publish(broker, WORKFLOW, "a", "b", "c")
    entries = await take(broker, WORKFLOW)
    await broker.finish(entries[1].stream, [entries[1].entry_id])
    assert await broker.read_entries(WORKFLOW, [entry.entry_id for entry in entries]) == [entries[0], entries[2]]
    assert await broker.read_entries(WORKFLOW, []) == []
    assert await broker.read_entries(ACTIVITY, [b"1-1"]) == []


async def test_published_members_are_told(broker: Broker) -> None:
    await publish(broker, WORKFLOW, "a")
    assert await broker.published(WORKFLOW, ["b", "a"]) == [False, True]
    assert await broker.published(WORKFLOW, []) == []
    assert await broker.published(ACTIVITY, ["a"]) == [False]


# The list of streams, and its end ------------------------------------------------------------------------------------
async def test_streams_are_known_once_announced_or_published_to(broker: Broker) -> None:
    await broker.announce_worker(ACTIVITY, WORKER, TTL_MS)
    await broker.announce_worker(STICKY, WORKER, TTL_MS)
    odd = TaskStream("a/b{c}", "d%e:stream:w", StreamKind.WORKFLOW)
    await broker.raise_fence(odd, RANGES)
    await publish(broker, odd, "x")
    assert set(await broker.task_streams()) == {WORKFLOW, ACTIVITY, STICKY, odd}


async def test_consumers_that_hold_nothing_are_collected(broker: Broker) -> None:
    await publish(broker, WORKFLOW, "a", "b")
    (first,) = await take(broker, WORKFLOW, count=1, worker="holds")
    (second,) = await take(broker, WORKFLOW, count=1, worker="gone")
    await broker.finish(second.stream, [second.entry_id], ["b"])
    assert await broker.collect(WORKFLOW, 60_000) == 0
    assert await broker.collect(WORKFLOW, 0) == 1
    assert [entry.consumer for entry in await broker.scan_pending(WORKFLOW, idle_ms=0)] == ["holds"]
    assert await broker.read_entries(WORKFLOW, [first.entry_id]) == [first]


async def test_a_stream_that_nobody_uses_is_forgotten(server: BrokerServer, broker: Broker) -> None:
    await broker.announce_worker(WORKFLOW, WORKER, TTL_MS)
    await publish(broker, WORKFLOW, "a")
    await broker.set_lease(WORKFLOW, 5000)
    await broker.collect(WORKFLOW, 0)
    (entry,) = await take(broker, WORKFLOW)
    await broker.collect(WORKFLOW, 0)
    await broker.finish(entry.stream, [entry.entry_id], ["a"])
    await broker.collect(WORKFLOW, 0)
    assert await broker.task_streams() == [WORKFLOW]
    await broker.withdraw_worker(WORKFLOW, "worker-1")
    await broker.collect(WORKFLOW, 0)
    assert await broker.task_streams() == []
    assert (await broker.queue_state(WORKFLOW)).lease_ms == 5000
    assert await broker.collect(WORKFLOW, 0) == 0


async def test_a_forgotten_stream_comes_back(broker: Broker) -> None:
    await publish(broker, WORKFLOW, "a")
    (entry,) = await take(broker, WORKFLOW)
    await broker.finish(entry.stream, [entry.entry_id], ["a"])
    await broker.collect(WORKFLOW, 0)
    assert await broker.task_streams() == []
    assert (await publish(broker, WORKFLOW, "b")).unproven == (1,)
    await broker.raise_fence(WORKFLOW, RANGES)
    assert (await publish(broker, WORKFLOW, "b")).taken == 1
    assert await broker.task_streams() == [WORKFLOW]
    assert data_of(await take(broker, WORKFLOW)) == ["b"]


# Losing everything ---------------------------------------------------------------------------------------------------
async def test_after_a_loss_fences_are_unproven_and_groups_start_again(server: BrokerServer, broker: Broker) -> None:
    await broker.announce_worker(WORKFLOW, WORKER, TTL_MS)
    await publish(broker, WORKFLOW, "a")
    entries = await take(broker, WORKFLOW)
    await server.flush()
    assert (await publish(broker, WORKFLOW, "a")).unproven == (1,)
    assert await broker.publish_backlog(WORKFLOW, 1, publications("a")) is None
    leases = server.leases()
    lost = await asyncio.to_thread(leases.renew, "worker-1", {entries[0].stream: [entries[0].entry_id]})
    assert lost == {entries[0].stream: [entries[0].entry_id]}
    await broker.raise_fence(WORKFLOW, RANGES)
    assert (await publish(broker, WORKFLOW, "a")).taken == 1
    assert WORKFLOW in await broker.task_streams()
    assert data_of(await take(broker, STICKY, WORKFLOW)) == ["a"]
    assert (await publish(broker, STICKY, "b")).gone


async def test_a_release_carries_everything_at_once(broker: Broker) -> None:
    await broker.open_replies("me", 60_000)
    await broker.announce_worker(STICKY, WORKER, TTL_MS)
    await broker.send([(1, b"request")])
    ((_, inbox),) = await broker.read_inboxes({1: b"0-0"}, count=1, block_ms=1000)
    await publish(broker, ACTIVITY, "done")
    (done,) = await take(broker, ACTIVITY)
    results = await broker.release(
        Outbox(
            replies={"me": [b"reply"]},
            publish={STICKY: publications("next"), ACTIVITY: [Publication(2, "more", b"more")]},
            backlogged={WORKFLOW},
            finished={done.stream: ([done.entry_id], ["done"])},
            inbox_deletes={1: [inbox[0].entry_id]},
        ),
        RANGES,
    )
    assert {stream: result.taken for stream, result in results.items()} == {STICKY: 1, ACTIVITY: 1}
    assert [entry.data for entry in await broker.read_replies("me", b"0-0", block_ms=1000)] == [b"reply"]
    assert (await broker.queue_state(WORKFLOW)).backlogged
    assert (await broker.queue_state(ACTIVITY)).pending == 0
    assert await broker.inbox_length(1) == 0
