"""The worker process of the demo: `python -m perdure_engine.demo.worker TASK_QUEUE`, at PERDURE_ADDRESS."""

from __future__ import annotations

import asyncio
import signal
import sys

import uvloop

from perdure.client import Client
from perdure.worker import Worker
from perdure_engine.demo.workflows import ACTIVITIES, WORKFLOWS

SLOTS = 200


async def serve(task_queue: str) -> None:
    """Work until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with (
        await Client.connect() as client,
        Worker(
            client,
            task_queue=task_queue,
            workflows=WORKFLOWS,
            activities=ACTIVITIES,
            max_concurrent_activities=SLOTS,
        ),
    ):
        await stop.wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
