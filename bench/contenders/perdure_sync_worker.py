"""The worker process of Perdure's turn that runs ordinary functions, in processes."""

from __future__ import annotations

import asyncio
import os
import signal
from concurrent.futures import ProcessPoolExecutor

import uvloop

from bench.contenders.perdure_workflows import SYNC_TASK_QUEUE, counted_sync
from perdure.client import Client
from perdure.worker import Worker


async def main() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        async with (
            await Client.connect() as client,
            Worker(client, task_queue=SYNC_TASK_QUEUE, activities=[counted_sync], activity_executor=processes),
        ):
            await stop.wait()


if __name__ == "__main__":
    uvloop.run(main())
