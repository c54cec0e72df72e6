"""The worker process of Perdure's turn: default settings, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal

import uvloop

from bench.contenders.perdure_workflows import TASK_QUEUE, WORKFLOWS, noop
from perdure.client import Client
from perdure.worker import Worker


async def serve() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with (
        await Client.connect() as client,
        Worker(client, task_queue=TASK_QUEUE, workflows=WORKFLOWS, activities=[noop]),
    ):
        await stop.wait()


if __name__ == "__main__":
    uvloop.run(serve())
