"""The real environment: clocks that agree with the machine's, tasks, sleeps."""

from __future__ import annotations

import asyncio
import random
import time

from perdure_engine.environment import RealEnvironment


async def test_the_clocks_are_those_of_the_machine() -> None:
    environment = RealEnvironment()
    assert abs(environment.now_us() - time.time() * 1_000_000) < 5_000_000
    assert abs(environment.monotonic() - time.monotonic()) < 5


async def test_spawned_tasks_run_and_have_a_name() -> None:
    async def answer() -> int:
        await environment.sleep(0)
        return 7

    environment = RealEnvironment()
    task = environment.spawn(answer(), name="seven")
    assert task.get_name() == "seven"
    assert await task == 7


async def test_sleeping_takes_time() -> None:
    environment = RealEnvironment()
    before = asyncio.get_running_loop().time()
    await environment.sleep(0.01)
    assert asyncio.get_running_loop().time() - before >= 0.009


def test_no_two_engines_roll_the_same_dice() -> None:
    first, second = RealEnvironment(), RealEnvironment()
    assert isinstance(first.random, random.Random)
    assert first.random.getrandbits(128) != second.random.getrandbits(128)
