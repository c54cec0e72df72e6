"""Rates, holds and tasks that are out, in both brokers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from perdure_broker.flow import CONCURRENCY, NOT_REACHED, TAKEN, Candidate, Limits
from perdure_broker.keys import Keys
from perdure_broker.port import Broker, Outbox
from tests.conformance.broker_servers import (
    ACTIVITY,
    BROKER_SERVERS,
    TTL_MS,
    WORKER,
    BrokerServer,
    broker_server,
    numbered,
)
from tests.waiting import wait_until

STREAM = Keys().queue(ACTIVITY).stream
FREE = Limits()
NEVER = 1
"""A rate, in millionths a second, at which nothing comes within a test."""


@pytest.fixture(params=BROKER_SERVERS)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[BrokerServer]:
    async with broker_server(request, request.param) as opened:
        yield opened


class Queue:
    """A queue and its dispatcher."""

    def __init__(self, broker: Broker, term: int) -> None:
        self.broker = broker
        self.term = term

    async def admit(
        self, *names: str, room: int = 100, limits: Limits = FREE, key: str = "", each: Limits = FREE, cost: int = 1
    ) -> list[int]:
        candidates = [Candidate(name, name.encode(), key, cost, each) for name in names]
        admission = await self.broker.admit(ACTIVITY, self.term, room, limits, candidates)
        assert admission is not None
        assert not admission.full
        return list(admission.verdicts)

    async def wait_for_tokens(self, limits: Limits, count: int) -> None:
        async def has_come() -> bool:
            return (await self.broker.flow_state(ACTIVITY, limits)).tokens >= count * 1_000_000

        await wait_until(has_come, what="tokens")

    async def take(self) -> list[str]:
        entries = await self.broker.read_tasks([ACTIVITY], "worker-1", count=100, block_ms=0)
        self.entries = {entry.data.decode(): entry for entry in entries}
        return list(self.entries)

    async def finish(self, name: str) -> None:
        entry = self.entries[name]
        await self.broker.release(Outbox(finished={entry.stream: ([entry.entry_id], [name])}), {})


@pytest.fixture
async def queue(server: BrokerServer) -> Queue:
    broker = await server.broker()
    return Queue(broker, await broker.take_dispatch(ACTIVITY, "one"))


async def test_without_limits_as_many_go_as_there_is_room_for(queue: Queue) -> None:
    assert await queue.admit(*numbered(4), room=3) == [TAKEN, TAKEN, TAKEN, NOT_REACHED]
    assert await queue.take() == numbered(3)
    assert await queue.broker.task_streams() == [ACTIVITY]


async def test_what_is_published_already_counts_as_taken_and_costs_nothing(queue: Queue) -> None:
    limits = Limits(NEVER, burst=2)
    assert await queue.admit("a", limits=limits) == [TAKEN]
    assert await queue.admit("a", "b", "c", limits=limits) == [TAKEN, TAKEN, NOT_REACHED]
    assert await queue.take() == ["a", "b"]


async def test_another_dispatcher_ends_this_one(queue: Queue) -> None:
    await queue.broker.take_dispatch(ACTIVITY, "two")
    assert await queue.broker.admit(ACTIVITY, queue.term, 1, FREE, [Candidate("a", b"a")]) is None


async def test_a_rate_lets_a_burst_through_and_says_how_long_the_next_one_waits(queue: Queue) -> None:
    limits = Limits(1_000_000, burst=3)
    assert await queue.admit(*numbered(5), limits=limits) == [TAKEN, TAKEN, TAKEN, NOT_REACHED, NOT_REACHED]
    state = await queue.broker.flow_state(ACTIVITY, limits)
    assert state.tokens == 0
    assert 800_000 < state.wait_us <= 1_000_000


async def test_tokens_come_at_the_rate_and_the_bucket_holds_no_more_than_the_burst(queue: Queue) -> None:
    limits = Limits(5_000_000, burst=2)
    await queue.admit("a", "b", limits=limits)
    await queue.wait_for_tokens(limits, 1)
    assert await queue.admit("c", "d", limits=limits) == [TAKEN, NOT_REACHED]
    await queue.wait_for_tokens(limits, 2)
    assert await queue.admit(*"defg", limits=limits) == [TAKEN, TAKEN, NOT_REACHED, NOT_REACHED]
    assert (await queue.broker.flow_state(ACTIVITY, limits)).tokens < 2_000_000


async def test_a_dispatcher_that_was_waiting_loses_nothing_by_coming_late(queue: Queue) -> None:
    limits = Limits(100_000_000, burst=1)
    assert await queue.admit("a", "b", limits=limits) == [TAKEN, NOT_REACHED]
    late = limits._replace(is_late=True)
    await queue.wait_for_tokens(late, 2)
    assert (await queue.admit("b", "c", "d", limits=late))[:2] == [TAKEN, TAKEN]


async def test_what_costs_more_than_the_bucket_holds_leaves_it_in_debt(queue: Queue) -> None:
    limits = Limits(1_000_000, burst=2)
    assert await queue.admit("a", limits=limits, cost=5) == [TAKEN]
    assert 3_500_000 < (await queue.broker.flow_state(ACTIVITY, limits)).wait_us <= 4_000_000
    await queue.broker.reset_rates(ACTIVITY)
    assert await queue.admit("b", "c", limits=limits, cost=1) == [TAKEN, TAKEN]


async def test_no_more_are_out_than_may_be(queue: Queue) -> None:
    limits = Limits(concurrency=2)
    assert await queue.admit(*"abc", limits=limits) == [TAKEN, TAKEN, NOT_REACHED]
    assert await queue.take() == ["a", "b"]
    assert (await queue.broker.flow_state(ACTIVITY, limits)).out == 2
    assert await queue.admit("c", limits=limits) == [NOT_REACHED]
    await queue.finish("a")
    assert await queue.admit("c", limits=limits) == [TAKEN]


async def test_keys_are_limited_each_by_itself(queue: Queue) -> None:
    broker = queue.broker
    candidates = [
        Candidate("a", b"a", "x", 1, Limits(NEVER, burst=1)),
        Candidate("b", b"b", "x", 1, Limits(NEVER, burst=1)),
        Candidate("c", b"c", "y", 1, Limits(concurrency=1)),
        Candidate("d", b"d", "y", 1, Limits(concurrency=1)),
        Candidate("e", b"e"),
    ]
    admission = await broker.admit(ACTIVITY, queue.term, 100, FREE, candidates)
    assert admission is not None
    first, second, third, fourth, fifth = admission.verdicts
    assert (first, third, fourth, fifth) == (TAKEN, TAKEN, CONCURRENCY, TAKEN)
    assert second > 1_000_000
    assert await queue.take() == ["a", "c", "e"]
    assert await broker.out_by_key(ACTIVITY) == {"x": 1, "y": 1}
    await queue.finish("c")
    assert await broker.out_by_key(ACTIVITY) == {"x": 1}
    assert await queue.admit("d", key="y", each=Limits(concurrency=1)) == [TAKEN]


async def test_nothing_of_a_key_overtakes_what_waits_for_a_token(queue: Queue) -> None:
    each = Limits(NEVER, burst=3)
    candidates = [Candidate(name, b"", "x", cost, each) for name, cost in (("a", 1), ("b", 3), ("c", 1))]
    admission = await queue.broker.admit(ACTIVITY, queue.term, 100, FREE, candidates)
    assert admission is not None
    taken, second, third = admission.verdicts
    assert taken == TAKEN
    assert second == third > 0


async def test_a_token_of_the_queue_is_not_spent_on_a_key_that_may_not(queue: Queue) -> None:
    limits = Limits(NEVER, burst=2)
    each = Limits(concurrency=1)
    verdicts = await queue.admit(*"abc", limits=limits, key="x", each=each)
    assert verdicts == [TAKEN, CONCURRENCY, CONCURRENCY]
    assert (await queue.broker.flow_state(ACTIVITY, limits)).tokens == 1_000_000


async def test_a_key_is_held_for_a_while(queue: Queue) -> None:
    broker = queue.broker
    await broker.hold(STREAM, "x", 1_000_000)
    await broker.hold(STREAM, "x", 1_000)
    await broker.hold(STREAM, "ä/{y}", 60_000_000)
    state = await broker.queue_state(ACTIVITY)
    assert state.backlogged, "nobody may publish past the dispatcher"
    held = await broker.holds(ACTIVITY)
    assert set(held) == {"x", "ä/{y}"}
    assert 1_000 < held["x"] <= 1_000_000
    [verdict] = await queue.admit("a", key="x")
    assert 0 < verdict <= 1_000_000
    assert await queue.admit("b", key="z") == [TAKEN]
    assert (await broker.flow_state(ACTIVITY, FREE)).holds == 2

    async def is_over() -> bool:
        return await queue.admit("a", key="x") == [TAKEN]

    await wait_until(is_over, what="the end of the hold")
    assert set(await broker.holds(ACTIVITY)) == {"ä/{y}"}


async def test_a_queue_is_held_for_a_while(queue: Queue) -> None:
    await queue.broker.hold(STREAM, "", 1_000_000)
    assert 0 < (await queue.broker.flow_state(ACTIVITY, FREE)).wait_us <= 1_000_000
    assert await queue.admit("a") == [NOT_REACHED]

    async def is_over() -> bool:
        return (await queue.broker.flow_state(ACTIVITY, FREE)).wait_us == 0

    await wait_until(is_over, what="the end of the hold")
    assert await queue.admit("a") == [TAKEN]


async def test_a_paused_queue_admits_nothing(queue: Queue) -> None:
    await queue.broker.set_paused(ACTIVITY, True)
    assert (await queue.broker.flow_state(ACTIVITY, FREE)).paused
    assert await queue.admit("a") == [NOT_REACHED]


async def test_a_task_counts_for_its_key_until_it_is_finished(queue: Queue) -> None:
    broker = queue.broker
    await queue.admit("a")
    await queue.admit("b", "c", key="x")
    assert await broker.claims(ACTIVITY) == {"a": None, "b": "x", "c": "x"}
    assert await broker.out_by_key(ACTIVITY) == {"x": 2}
    assert await queue.take() == ["a", "b", "c"]
    await queue.finish("b")
    assert await broker.out_by_key(ACTIVITY) == {"x": 1}


async def test_a_key_is_not_counted_for_longer_than_the_claim_lives(queue: Queue) -> None:
    """Somebody deleted the entries by hand: the claims go when the stream is looked after, and so do the counts."""
    await queue.admit("a", "b", key="x")
    await queue.take()
    for entry in queue.entries.values():
        await queue.broker.finish(entry.stream, [entry.entry_id])
    assert await queue.broker.out_by_key(ACTIVITY) == {"x": 2}
    await queue.broker.collect(ACTIVITY, 60_000)
    assert await queue.broker.out_by_key(ACTIVITY) == {}
    assert (await queue.broker.flow_state(ACTIVITY, FREE)).out == 0


async def test_how_a_queue_stands(queue: Queue) -> None:
    await queue.broker.announce_worker(ACTIVITY, WORKER, TTL_MS)
    await queue.admit("a", "b", "c")
    await queue.broker.read_tasks([ACTIVITY], "worker-1", count=2, block_ms=0)
    state = await queue.broker.flow_state(ACTIVITY, FREE)
    assert (state.undelivered, state.pending, state.out, state.slots) == (1, 2, 3, WORKER.slots)
    assert (state.paused, state.backlogged, state.wait_us, state.holds) == (False, False, 0, 0)
    assert state.tokens > 1_000_000_000
