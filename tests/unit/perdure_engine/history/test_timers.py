"""The timers of one shard that memory holds."""

from __future__ import annotations

import asyncio

import pytest

from perdure_engine.history import timers
from perdure_engine.history.timers import HORIZON_US, TimerQueue
from perdure_store.memory import MemoryStore
from perdure_store.port import StoreUnavailable, TimerKey, TimerRow
from tests.engine_stage import pass_time

NOW = 1_000_000_000


def timer(at_us: int, name: str = "a") -> TimerRow:
    return TimerRow(0, at_us, name, 1, 5)


def store_with(*rows: TimerRow) -> MemoryStore:
    store = MemoryStore()
    for row in rows:
        store.database.timers[0][TimerKey(*row[:5])] = row
    return store


async def test_what_is_due_within_the_horizon_is_held() -> None:
    queue = TimerQueue(0)
    await queue.refill(store_with(timer(NOW + 5), timer(NOW + HORIZON_US + 1)), NOW)
    assert (len(queue), queue.next_due_us()) == (1, NOW + 5)
    queue.add(timer(NOW + 3, "b"))
    queue.add(timer(NOW + HORIZON_US + 1, "c"))
    assert (len(queue), queue.next_due_us()) == (2, NOW + 3)


async def test_due_timers_come_in_order_and_bounded() -> None:
    queue = TimerQueue(0)
    await queue.refill(store_with(*(timer(NOW + number) for number in (3, 1, 2, 9))), NOW)
    assert [row.fire_at_us - NOW for row in queue.take_due(NOW + 5, 2)] == [1, 2]
    rest = queue.take_due(NOW + 5, 10)
    assert [row.fire_at_us - NOW for row in rest] == [3]
    queue.put_back(rest)
    assert queue.next_due_us() == NOW + 3


async def test_a_discarded_timer_is_not_due() -> None:
    queue = TimerQueue(0)
    await queue.refill(store_with(timer(NOW + 1), timer(NOW + 2, "b")), NOW)
    queue.discard(TimerKey(*timer(NOW + 1)[:5]))
    queue.discard(TimerKey(*timer(NOW + 7)[:5]))
    assert [row.run_id for row in queue.take_due(NOW + 5, 10)] == ["b"]


async def test_a_timer_written_while_the_store_is_asked_is_not_missed() -> None:
    """The store's answer is older than the write, and the timer lies beyond what was held before."""
    store = store_with()

    async def slow(method: str) -> None:
        await pass_time(1)

    slow_store = MemoryStore(store.database, on_call=slow)
    queue = TimerQueue(0)
    refill = asyncio.ensure_future(queue.refill(slow_store, NOW))
    await pass_time(0.5)
    queue.add(timer(NOW + 50))
    await refill
    assert queue.next_due_us() == NOW + 50


async def test_a_refill_that_fails_changes_nothing() -> None:
    async def fail(method: str) -> None:
        raise StoreUnavailable("down")

    queue = TimerQueue(0)
    with pytest.raises(StoreUnavailable):
        await queue.refill(MemoryStore(on_call=fail), NOW)
    assert queue.needs_refill(NOW)


async def test_a_refill_is_due_when_half_of_the_horizon_has_passed() -> None:
    queue = TimerQueue(0)
    assert queue.needs_refill(NOW)
    await queue.refill(store_with(), NOW)
    assert not queue.needs_refill(NOW + HORIZON_US // 2)
    assert queue.needs_refill(NOW + HORIZON_US // 2 + 1)


async def test_a_page_bounds_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "PAGE", 2)
    store = store_with(*(timer(NOW + number, f"r{number}") for number in range(5)))
    queue = TimerQueue(0)
    await queue.refill(store, NOW)
    assert len(queue) == 2
    fired = []
    while len(queue):
        for row in queue.take_due(NOW + 10, 10):
            fired.append(row.run_id)
            del store.database.timers[0][TimerKey(*row[:5])]
        if queue.needs_refill(NOW):
            await queue.refill(store, NOW)
    assert fired == [f"r{number}" for number in range(5)]


async def test_a_reset_forgets_everything() -> None:
    queue = TimerQueue(0)
    await queue.refill(store_with(timer(NOW + 1)), NOW)
    queue.reset()
    assert (len(queue), queue.next_due_us(), queue.needs_refill(NOW)) == (0, None, True)
