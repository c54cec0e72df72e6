"""The injected clock of a process, and what it says it holds."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from pathlib import Path

from tests.chaos.census import ask_census, pipe_of, read_census, take_census
from tests.chaos.clocked import ClockFile, skewed_clock
from tests.cluster import ROOT, Process
from tests.waiting import wait_until

SECOND_NS = 1_000_000_000


def test_a_clock_jumps_when_it_is_set(tmp_path: Path) -> None:
    clock = ClockFile(tmp_path / "clock")
    time_ns = skewed_clock(clock.path)
    assert abs(time_ns() - time.time_ns()) < SECOND_NS
    for skew_seconds in (100.0, -100.0):
        clock.set_skew(skew_seconds)
        assert abs(time_ns() - time.time_ns() - skew_seconds * SECOND_NS) < SECOND_NS


async def test_a_process_runs_on_its_clock_and_says_what_it_holds(tmp_path: Path) -> None:
    clock = ClockFile(tmp_path / "p.clock")
    clock.set_skew(5000)
    program = tmp_path / "showing_the_time.py"
    program.write_text("import time, sys\nprint(time.time(), time.time_ns(), flush=True)\ntime.sleep(60)\n")
    command = ["-m", "tests.chaos.clocked", str(clock.path), program.stem]
    process = Process("p", [sys.executable, *command], tmp_path, {"PYTHONPATH": f"{ROOT}:{tmp_path}"})
    try:

        async def has_told() -> list[str]:
            return process.output.split()

        seconds, nanoseconds = await wait_until(has_told, what="the time")
        assert abs(float(seconds) - time.time() - 5000) < 60
        assert abs(int(nanoseconds) / 1e9 - float(seconds)) < 1
        assert pipe_of(clock.path).exists()
        ask_census(clock.path)

        async def answer() -> bool:
            return read_census(clock.path) is not None

        await wait_until(answer, what="a census")
        census = read_census(clock.path)
        assert census is not None
        assert (census.tasks, census.instances, census.threads) == ({}, 0, 2)
    finally:
        process.end()


async def test_a_census_counts_tasks_that_are_not_done() -> None:
    before = take_census()
    hold = asyncio.Event()

    async def leak() -> None:
        await hold.wait()

    leaks = [asyncio.create_task(leak()) for _ in range(3)]
    await asyncio.sleep(0)
    after = take_census()
    assert sum(after.tasks.values()) == sum(before.tasks.values()) + 3
    assert after.threads == threading.active_count()
    hold.set()
    await asyncio.gather(*leaks)
    assert take_census().tasks == before.tasks
