"""The client process of a task queue in Python: `task_client MODULE DOES COUNT CONCURRENCY` prints one JSON line.

`measure` with one task at a time: from call to result. With many: from the first call to the last execution, at most
CONCURRENCY tasks called and not yet executed; each result is asked for and compared afterwards, when the clock has
stopped, because a peer's way to wait for thousands of results (often by polling) is not what is measured. `fill`: only
enqueues, with what the peer has for that.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import itertools
import json
import sys
import time
from collections.abc import Iterable
from typing import Any, Protocol

import uvloop

from bench.measurement import Measurement, measurement_of
from bench.tally import POLL_INTERVAL_S, Tally

TIMEOUT_S = 240


class Driver(Protocol):
    """How a client of the peer does it: `Driver` of a module of `bench.peers`."""

    enqueuers: int
    """Coroutines that enqueue at once; one where the peer's client blocks."""

    async def __aenter__(self) -> Driver: ...
    async def __aexit__(self, *_: object) -> None: ...
    async def enqueue(self, number: int) -> Any:
        """Have the task with this number executed. Returns what `result` needs."""

    async def result(self, handle: Any) -> int:
        """Wait for its result, which is its number."""

    async def enqueue_many(self, numbers: Iterable[int]) -> None:
        """The same for many whose results nobody waits for."""


class WrongResult(RuntimeError):
    """A task returned something else than its number."""


async def one_at_a_time(driver: Driver, count: int, tally: Tally) -> Measurement:
    latencies = []
    began = time.perf_counter()
    for number in range(count):
        called = time.perf_counter()
        _check(number, await driver.result(await driver.enqueue(number)))
        latencies.append(time.perf_counter() - called)
    total_s = time.perf_counter() - began
    tally.executions(count)
    return measurement_of(latencies, total_s)


async def many_at_once(driver: Driver, count: int, concurrency: int, tally: Tally) -> Measurement:
    numbers = itertools.count()
    called = [0] * count
    handles: list[Any] = [None] * count

    async def enqueue_more() -> None:
        while (number := next(numbers)) < count:
            while number - tally.executed >= concurrency:  # noqa: ASYNC110 - other processes execute
                await asyncio.sleep(POLL_INTERVAL_S)
            called[number] = time.monotonic_ns()
            handles[number] = await driver.enqueue(number)

    began = time.monotonic_ns()
    await asyncio.gather(*(enqueue_more() for _ in range(driver.enqueuers)))
    await asyncio.to_thread(tally.wait_full, count, TIMEOUT_S)
    executed = tally.executions(count)
    for number, handle in enumerate(handles):
        _check(number, await driver.result(handle))
    seconds = [(at - since) / 1e9 for at, since in zip(executed, called, strict=True)]
    return measurement_of(seconds, (max(executed) - began) / 1e9)


async def main(module: str, does: str, count: int, concurrency: int) -> None:
    tally = Tally.of_environment()
    tally.begin()
    driver: Driver = importlib.import_module(module).Driver()
    async with driver:
        if does == "fill":
            await driver.enqueue_many(range(count))
            print(json.dumps({"filled": count}))
            return
        alone = concurrency == 1
        measured = await (
            one_at_a_time(driver, count, tally) if alone else many_at_once(driver, count, concurrency, tally)
        )
    print(json.dumps(dataclasses.asdict(measured)))


def _check(number: int, result: int) -> None:
    if result != number:
        raise WrongResult(f"the result of task {number} is {result!r}; it must be {number}")


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
