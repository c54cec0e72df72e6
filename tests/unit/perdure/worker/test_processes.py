"""The processes of a worker, and who has which call."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from perdure import activity
from perdure.worker import process_server
from perdure.worker.activity_process import ProcessDied
from perdure.worker.process_pool import ProcessPool
from perdure.worker.processes import AHEAD_MAX, Processes
from perdure.worker.resident_memory import resident_bytes
from tests.unit.perdure.worker.process_stage import CONTEXT, SETUP, Called, until
from tests.waiting import wait_until_blocking

SEEN: list[str] = []
KEPT: list[bytes] = []


def remember(word: str) -> None:
    SEEN.append(word)


def recall() -> tuple[int, list[str]]:
    return os.getpid(), SEEN


def pid(_: int = 0) -> int:
    return os.getpid()


def grow(size: int) -> int:
    KEPT.append(os.urandom(size))
    return os.getpid()


def wait_for(path: str) -> int:
    activity.heartbeat("begun")
    wait_until_blocking(lambda: Path(path).exists(), what="the file", timeout_seconds=60)
    return os.getpid()


@asynccontextmanager
async def processes(size: int = 2, **options: Any) -> AsyncIterator[Processes]:
    pool = ProcessPool(size, mp_context=CONTEXT, **options)
    setup = SETUP._replace(
        initializer=pool.initializer, initargs=pool.initargs, memory_max=options.get("max_memory_per_child", 0)
    )
    made = Processes(pool, setup, asyncio.get_running_loop())
    try:
        yield made
    finally:
        ended = [one._process for one in made._all]
        made.kill()
        made.close()
        for process in ended:
            await asyncio.to_thread(process.join, 10)


def submit(on: Processes, function: Callable[..., Any], *arguments: Any) -> Called:
    call = Called(function, *arguments)
    on.submit(call)
    return call


async def results(calls: list[Called]) -> list[Any]:
    return [await call.result() for call in calls]


async def test_processes_are_made_as_they_are_needed_and_used_again() -> None:
    async with processes(2, initializer=remember, initargs=("word",)) as on:
        seen = [await submit(on, recall).result() for _ in range(5)]
        assert len({pid for pid, _ in seen}) == 1, "one at a time needs one process"
        assert all(words == ["word"] for _, words in seen)


async def test_no_more_work_than_there_are_processes(tmp_path: Path) -> None:
    go = tmp_path / "go"
    async with processes(2) as on:
        calls = [submit(on, wait_for, str(go)) for _ in range(5)]
        await until(lambda: sum(bool(call.beats) for call in calls) == 2, "two to begin")
        assert on.room() == -3
        assert [call.has_begun for call in calls] == [True, True, False, False, False]
        assert on.withdraw(calls[4])
        assert not on.withdraw(calls[0])
        go.touch()
        assert len(set(await results(calls[:4]))) == 2


async def test_short_calls_are_given_ahead_and_a_long_one_holds_none_of_them_up(tmp_path: Path) -> None:
    go = tmp_path / "go"
    async with processes(2) as on:
        for _ in range(20):
            await results([submit(on, pid) for _ in range(100)])
        assert on.room() > 2 + AHEAD_MAX / 8
        long = submit(on, wait_for, str(go))
        behind = [submit(on, pid, number) for number in range(300)]
        others = await results(behind)
        assert sum(call.returns for call in behind) > 0, "what was behind it was given back"
        assert on.room() < 2, "nothing is taken ahead for a while"
        go.touch()
        assert await long.result() not in others[-1:]


async def test_what_is_not_wanted_any_more_when_it_comes_back_is_forgotten(tmp_path: Path) -> None:
    go = tmp_path / "go"
    async with processes(1) as on:
        for _ in range(20):
            await results([submit(on, pid) for _ in range(100)])
        long, behind = submit(on, wait_for, str(go)), submit(on, pid)
        behind.is_wanted = False
        await until(lambda: behind.returns == 1, "it to come back")
        go.touch()
        await long.result()
        assert await submit(on, pid).result()
        assert not behind.outcome.done()
        behind.outcome.cancel()


async def test_a_process_is_replaced_after_so_many_calls() -> None:
    async with processes(1, max_tasks_per_child=3) as on:
        pids = await results([submit(on, pid) for _ in range(9)])
        assert len(set(pids)) == 3
        assert pids == sorted(pids, key=pids.index)


async def test_a_process_that_has_grown_is_replaced(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO", "perdure.worker")
    monkeypatch.setattr(process_server, "MEMORY_LOOK_S", 0.0)  # the process is a copy of this one
    limit = resident_bytes() + 100_000_000
    async with processes(1, max_memory_per_child=limit) as on:
        first = await submit(on, pid).result()
        assert await submit(on, grow, 400_000_000).result() == first
        assert await submit(on, pid).result() != first
        assert f"max_memory_per_child is {limit}" in caplog.text


async def test_one_that_died_takes_only_what_it_ran_along() -> None:
    async with processes(1) as on:
        doomed = submit(on, os._exit, 1)
        others = [submit(on, pid) for _ in range(3)]
        with pytest.raises(ProcessDied):
            await doomed.result()
        assert len(set(await results(others))) == 1


async def test_what_cannot_be_made_fails_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no more processes")

    async with processes(1) as on:
        with monkeypatch.context() as patch:
            patch.setattr("perdure.worker.processes.start_process", refuse)
            with pytest.raises(OSError, match="no more processes"):
                await submit(on, pid).result()
        assert await submit(on, pid).result()


async def test_all_hear_that_the_worker_stops() -> None:
    async with processes(2) as on:
        await submit(on, pid).result()
        on.worker_stops()
        for _ in range(2):
            await submit(on, activity.wait_for_worker_shutdown_sync, 30).result()
            assert await submit(on, activity.is_worker_shutdown).result()


async def test_none_is_left_when_it_is_closed() -> None:
    async with processes(2) as on:
        await results([submit(on, time.sleep, 0.01) for _ in range(4)])
        known = [one._process for one in on._all]
        on.close()
        on.close()
        with pytest.raises(RuntimeError, match="the worker has stopped"):
            submit(on, pid)
        for process in known:
            await asyncio.to_thread(process.join, 10)
            assert process.exitcode == 0
    assert not [one for one in threading.enumerate() if one.name == "perdure-process"]
