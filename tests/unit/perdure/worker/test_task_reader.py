"""Reading tasks by slots, through the failures of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from perdure.worker import task_reader
from perdure.worker.pace import Pace
from perdure.worker.task_reader import TaskReader
from perdure_broker.port import BrokerUnavailable, StreamKind, TaskEntry, TaskStream
from tests.turns import Turns
from tests.unit.perdure.worker.test_link import _link
from tests.waiting import wait_until
from tests.worker_stage import QUEUE, Stage, activity_task, stage

STREAM = TaskStream("default", QUEUE, StreamKind.ACTIVITY)


class Reading:
    """A reader at work, and what it took."""

    def __init__(self, on: Stage, slots: int) -> None:
        self.link = _link(on)
        self.taken: list[TaskEntry] = []
        self.slots = slots
        self.reader = TaskReader(self.link, [STREAM], slots, self.free, self.accept)

    def free(self) -> int:
        return self.slots - len(self.taken)

    def accept(self, entries: Sequence[TaskEntry]) -> None:
        self.taken += entries

    async def has(self, count: int) -> None:
        async def look() -> bool:
            return len(self.taken) == count

        await wait_until(look, what=f"{count} entries taken")


async def test_it_takes_what_there_is_room_for_and_holds_its_leases() -> None:
    async with stage() as on:
        reading = Reading(on, 2)
        await reading.reader.announce()
        assert reading.link.leases.lease_ms == 30_000
        for _ in range(3):
            await on.give(activity_task("double", 1))
        running = asyncio.create_task(reading.reader.run())
        await reading.has(2)
        assert len(reading.link.leases) == 2
        reading.slots = 3
        reading.reader.slot_freed()
        await reading.has(3)
        reading.reader.stop()
        await running
        state = await on.broker.queue_state(STREAM)
        assert [worker.slots for worker in state.workers] == [2]
        await reading.reader.withdraw()
        assert not (await on.broker.queue_state(STREAM)).workers


async def test_others_have_their_turn_while_many_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_reader, "ACCEPTED_AT_ONCE", 2)
    turns = Turns()
    async with stage() as on:
        reading = Reading(on, 5)

        def noted(entries: Sequence[TaskEntry]) -> None:
            reading.accept(entries)
            for _ in entries:
                turns.note()

        reading.reader = TaskReader(reading.link, [STREAM], 5, reading.free, noted)
        await reading.reader.announce()
        for _ in range(5):
            await on.give(activity_task("double", 1))
        running = asyncio.create_task(reading.reader.run())
        await reading.has(5)
        reading.reader.stop()
        await running
    assert turns.sizes == [2, 2, 1]


async def test_a_server_that_went_away_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with stage() as on:
        reading = Reading(on, 5)
        await reading.reader.announce()
        running = asyncio.create_task(reading.reader.run())
        on.server.stop()
        await wait_until(lambda: _said(caplog, "can be read ("), what="the loss to be noticed")
        on.server.start()
        await wait_until(lambda: _said(caplog, "can be read again"), what="the return to be noticed")
        await on.give(activity_task("double", 1))
        await reading.has(1)
        reading.reader.stop()
        await on.client.transport.broker.wake_task_readers()
        await running


async def _said(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    return words in caplog.text


@pytest.mark.parametrize("is_ours", [True, False])
async def test_what_aged_on_its_way_is_confirmed_before_it_runs(
    is_ours: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage() as on:
        reading = Reading(on, 5)
        await reading.reader.announce()
        read_tasks = reading.link.broker.read_tasks

        async def slow_read(*args: Any, **kwargs: Any) -> list[TaskEntry]:
            entries = await read_tasks(*args, **kwargs)
            if entries:
                reading.reader._asked_at -= 60  # as if the loop had been blocked since
                if not is_ours:
                    await on.broker.finish(entries[0].stream, [entries[0].entry_id])
            return entries

        monkeypatch.setattr(reading.link.broker, "read_tasks", slow_read)
        await on.give(activity_task("double", 1))
        running = asyncio.create_task(reading.reader.run())
        await wait_until(lambda: _said(caplog, "was blocked"), what="the warning")
        await reading.has(int(is_ours))
        assert len(reading.link.leases) == int(is_ours)
        reading.reader.stop()
        await on.client.transport.broker.wake_task_readers()
        await running


async def test_announcing_needs_the_server() -> None:
    async with stage() as on:
        reading = Reading(on, 5)
        on.server.stop()
        with pytest.raises(BrokerUnavailable):
            await reading.reader.announce()
        on.server.start()


async def test_it_keeps_its_pace_and_stops_while_it_waits() -> None:
    async with stage() as on:
        reading = Reading(on, 5)
        pace = Pace(0.01, reading.link.loop.time)
        reading.reader = TaskReader(reading.link, [STREAM], 5, reading.free, reading.accept, pace)
        await reading.reader.announce()
        for _ in range(2):
            await on.give(activity_task("double", 1))
        running = asyncio.create_task(reading.reader.run())
        await reading.has(1)
        assert pace.wait_s() > 60
        reading.reader.stop()
        await asyncio.wait_for(running, 5)
        assert len(reading.taken) == 1
