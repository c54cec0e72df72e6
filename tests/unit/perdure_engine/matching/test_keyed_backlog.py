"""The backlog of one queue, key by key: priorities, bounds, what is read again."""

from __future__ import annotations

import random

import pytest

from perdure.protocol.tasks import TaskKind
from perdure_engine.matching import keyed_backlog
from perdure_engine.matching.keyed_backlog import SEARCH_S, STALE_S, KeyedBacklog
from perdure_store.memory import MemoryStore
from perdure_store.port import TransferKey, TransferRow
from tests.engine_stage import ACTIVITIES, QUEUE, pass_time
from tests.simulation.process import Process


class Bench:
    def __init__(self) -> None:
        self.store = MemoryStore()
        process = Process("one", random.Random(1), failed=lambda name, error: None)
        self.backlog = KeyedBacklog(self.store, process, ACTIVITIES, (1, 2, 3, 4, 5), lambda key, weight: weight)
        self.version = 0
        self._task_id = 0

    def add(self, key: str, count: int = 1, *, priority: int = 3, shard_id: int = 0) -> None:
        for _ in range(count):
            self._task_id += 1
            task = TransferKey(shard_id, f"run-{shard_id}", TaskKind.ACTIVITY, self._task_id)
            self.store.database.transfer[shard_id][task] = TransferRow(
                *task, 1, self._task_id, "default", QUEUE, priority, True, 1, b"", b"", "", key
            )
        self.version += 1

    async def next(self, count: int = 100, waiting: tuple[str, ...] = ()) -> list[TransferRow]:
        return await self.backlog.next_rows(self.version, count, waiting)

    async def run(self, count: int = 100, waiting: tuple[str, ...] = ()) -> str:
        rows = await self.next(count, waiting)
        for row in rows:
            self.backlog.passed(row)
        return "".join(row.fairness_key or "-" for row in rows)


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_keys_share_and_each_task_comes_once(bench: Bench) -> None:
    bench.add("a", 5)
    bench.add("", 2)
    bench.add("b", 1, shard_id=1)
    assert await bench.run(4) == "-ab-"
    assert await bench.run() == "aaaa"
    assert await bench.run() == ""
    assert bench.backlog.is_empty


async def test_a_higher_priority_goes_first_unless_it_waits(bench: Bench) -> None:
    bench.add("a", 2, priority=1)
    bench.add("b", 1, priority=2)
    bench.add("c", 1, priority=5)
    assert await bench.run(1, waiting=("a",)) == "b"
    assert await bench.run() == "aac"


async def test_what_waits_is_no_end(bench: Bench) -> None:
    bench.add("a")
    assert await bench.run(waiting=("a",)) == ""
    assert not bench.backlog.is_empty


async def test_a_long_line_is_read_in_parts(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed_backlog, "ROWS_MAX", 10)
    monkeypatch.setattr(keyed_backlog, "ROWS_MIN", 10)
    bench.add("a", 30)
    bench.add("b", 3)
    order = ""
    while part := await bench.run():
        assert len(part) <= 10
        order += part
    assert order == "ababab" + 27 * "a"


async def test_a_key_that_comes_is_found_soon(bench: Bench) -> None:
    bench.add("a", 40)
    assert await bench.run(2) == "aa"
    bench.add("b", 1)
    assert await bench.run(2) == "aa", "searching for keys costs a probe each: not every time"
    await pass_time(SEARCH_S)
    assert "b" in await bench.run(2)


async def test_more_keys_than_can_be_at_hand_take_turns(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed_backlog, "LINES_MAX", 3)
    for key in "abcdefgh":
        bench.add(key, 2)
    order = ""
    while part := await bench.run():
        order += part
        for task in list(bench.store.database.transfer[0]):
            if task.event_id <= bench.backlog._queues[3].lines.get(part[-1], _NO_LINE).cursors.get(0, 0):
                bench.store.database.transfer[0].pop(task)
    assert sorted(order) == sorted("abcdefgh" * 2)
    assert bench.backlog.has_forgotten, "what it published itself must be looked for from now on"


async def test_rows_that_were_read_long_ago_are_read_again(bench: Bench) -> None:
    bench.add("a", 3)
    assert len(await bench.next(1)) == 1
    first = next(iter(bench.store.database.transfer[0]))
    del bench.store.database.transfer[0][first]
    assert [row.event_id for row in await bench.next(1)] == [1], "read ahead"
    await pass_time(STALE_S + 0.01)
    assert [row.event_id for row in await bench.next(1)] == [2], "it was cancelled"


async def test_one_that_begins_anew_reads_from_the_start(bench: Bench) -> None:
    bench.add("a", 2)
    assert await bench.run() == "aa"
    bench.backlog.begin()
    assert await bench.run() == "aa"


_NO_LINE = keyed_backlog.Line("", 0.0)
