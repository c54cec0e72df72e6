"""The client process of Perdure's turn: `perdure_client DOES WORKFLOW COUNT CONCURRENCY ARGUMENT` prints a JSON line.

`measure`: one call a workflow or task (`execute_workflow` or `execute_activity`), from call to result, CONCURRENCY of
them at any time. `fill`: `start_activity` alone, which returns when the task is durable. Tasks are counted where they
are executed.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop

from bench.contenders.perdure_sync_tasks import SYNC_TASK_QUEUE, counted_sync
from bench.contenders.perdure_workflows import (
    LONG,
    TASK_QUEUE,
    TIMEOUT,
    counted,
    long,
    waiting_task_queue,
)
from bench.measurement import Measurement, measurement_of
from bench.scenario import DRAIN, SYNC, TASK, WAITING
from bench.tally import Tally
from perdure.client import Client

QUEUES = {TASK: TASK_QUEUE, DRAIN: TASK_QUEUE, SYNC: SYNC_TASK_QUEUE}

Call = Callable[[int], Awaitable[None]]


class WrongResult(RuntimeError):
    """A task returned something else than its number, or a workflow than its argument."""


async def measure(client: Client, workflow: str, count: int, concurrency: int, argument: int) -> Measurement:
    """From the first call to the last result."""
    tally, latencies = Tally.of_environment(), list[float]()
    tally.begin()
    execute = _task(client, workflow) if workflow in QUEUES else _workflow(client, workflow, argument)

    async def timed(number: int) -> None:
        began = time.perf_counter()
        await execute(number)
        latencies.append(time.perf_counter() - began)

    began = time.perf_counter()
    await _all(timed, count, concurrency)
    total_s = time.perf_counter() - began
    if workflow in QUEUES:
        tally.executions(count)
    return measurement_of(latencies, total_s)


async def fill(client: Client, kind: str, count: int, concurrency: int) -> None:
    """Those that are to wait take long, so that the worker of their queue is busy with the first ones."""
    Tally.of_environment().begin()
    prefix = uuid.uuid4().hex[:8]
    waits = kind == WAITING
    queue, timeout = (waiting_task_queue(count), LONG) if waits else (QUEUES[kind], TIMEOUT)
    activity = long if waits else counted

    async def start(number: int) -> None:
        await client.start_activity(
            activity, number, id=f"{prefix}-{number}", task_queue=queue, start_to_close_timeout=timeout
        )

    await _all(start, count, concurrency)


def _task(client: Client, kind: str) -> Call:
    prefix, queue = uuid.uuid4().hex[:8], QUEUES[kind]
    activity: Any = counted_sync if kind == SYNC else counted

    async def execute(number: int) -> None:
        result = await client.execute_activity(
            activity, number, id=f"{prefix}-{number}", task_queue=queue, start_to_close_timeout=TIMEOUT
        )
        if result != number:
            raise WrongResult(f"the result of task {number} is {result!r}; it must be {number}")

    return execute


def _workflow(client: Client, workflow: str, argument: int) -> Call:
    prefix = uuid.uuid4().hex[:8]

    async def execute(number: int) -> None:
        result = await client.execute_workflow(workflow, argument, id=f"{prefix}-{number}", task_queue=TASK_QUEUE)
        if result != argument:
            raise WrongResult(f"the workflow {workflow} returned {result!r}; it must return {argument}")

    return execute


async def _all(call: Call, count: int, concurrency: int) -> None:
    numbers = iter(range(count))

    async def one_after_another() -> None:
        for number in numbers:  # shared: whoever is free takes the next
            await call(number)

    await asyncio.gather(*(one_after_another() for _ in range(concurrency)))


async def main(does: str, workflow: str, count: int, concurrency: int, argument: int) -> None:
    async with await Client.connect() as client:
        if does == "fill":
            await fill(client, workflow, count, concurrency)
            print(json.dumps({"filled": count}))
        else:
            measured = await measure(client, workflow, count, concurrency, argument)
            print(json.dumps(dataclasses.asdict(measured)))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])))
