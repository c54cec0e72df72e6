"""The client process of Perdure's turn: `perdure_client WORKFLOW COUNT CONCURRENCY ARGUMENT` prints one JSON line.

One call a workflow or task: `execute_workflow` or `execute_activity`, from call to result.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
import time
import uuid

import uvloop

from bench.contenders.perdure_workflows import TASK_QUEUE, TIMEOUT, noop
from bench.measurement import Measurement, measurement_of
from perdure.client import Client


async def measure(workflow: str, count: int, concurrency: int, argument: int) -> Measurement:
    run = uuid.uuid4().hex[:8]
    numbers = iter(range(count))
    latencies: list[float] = []

    async def execute(client: Client, id: str) -> None:
        if workflow == "task":
            await client.execute_activity(noop, argument, id=id, task_queue=TASK_QUEUE, start_to_close_timeout=TIMEOUT)
        else:
            await client.execute_workflow(workflow, argument, id=id, task_queue=TASK_QUEUE)

    async def one_after_another(client: Client) -> None:
        for number in numbers:  # shared: whoever is free takes the next
            began = time.perf_counter()
            await execute(client, f"{run}-{number}")
            latencies.append(time.perf_counter() - began)

    async with await Client.connect() as client:
        began = time.perf_counter()
        await asyncio.gather(*(one_after_another(client) for _ in range(concurrency)))
        return measurement_of(latencies, time.perf_counter() - began)


if __name__ == "__main__":
    measured = uvloop.run(measure(sys.argv[1], *map(int, sys.argv[2:5])))
    print(json.dumps(dataclasses.asdict(measured)))
