"""The client process of a workflow engine: `workflow_client MODULE WORKFLOW WARM_UP COUNT CONCURRENCY ARGUMENT`.

Each process runs a warm-up of its own, says `ready`, begins when it is told to, and prints one JSON line: several of
them begin together. From call to result, CONCURRENCY workflows at any time; each result is compared.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import itertools
import json
import sys
import time
from typing import Protocol

import uvloop

from bench.measurement import Measurement, measurement_of

READY = "ready"


class Driver(Protocol):
    """How a client of the peer does it: `Driver` of a module of `bench.peers`."""

    async def __aenter__(self) -> Driver: ...
    async def __aexit__(self, *_: object) -> None: ...
    async def execute(self, workflow: str, argument: int) -> int:
        """Run `one`, `ten` or `fan`, which return `argument`, and wait for its result."""


class WrongResult(RuntimeError):
    """A workflow returned something else than its argument."""


async def run(driver: Driver, workflow: str, count: int, concurrency: int, argument: int) -> Measurement:
    numbers = itertools.count()
    latencies: list[float] = []

    async def one_after_another() -> None:
        while next(numbers) < count:
            called = time.perf_counter()
            result = await driver.execute(workflow, argument)
            latencies.append(time.perf_counter() - called)
            if result != argument:
                raise WrongResult(f"the workflow {workflow} returned {result!r}; it must return {argument}")

    began = time.perf_counter()
    await asyncio.gather(*(one_after_another() for _ in range(concurrency)))
    return measurement_of(latencies, time.perf_counter() - began)


async def main(module: str, workflow: str, warm_up: int, count: int, concurrency: int, argument: int) -> None:
    driver: Driver = importlib.import_module(module).Driver()
    async with driver:
        if workflow == "fan":
            await run(driver, workflow, 1, 1, max(10, argument // 10))
        else:
            await run(driver, workflow, warm_up, min(concurrency, warm_up), argument)
        print(READY, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        measured = await run(driver, workflow, count, concurrency, argument)
    print(json.dumps(dataclasses.asdict(measured)), flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:7])))
