"""The worker process of these tests: `python -m tests.fault.streams.worker_process QUEUE SLOTS`, at PERDURE_ADDRESS."""

from __future__ import annotations

import asyncio
import sys

from perdure.client import Client
from perdure.worker import Worker
from tests.fault.streams.workload import ACTIVITIES, WORKFLOWS


async def serve(task_queue: str, slots: int) -> None:
    async with await Client.connect() as client:
        worker = Worker(
            client,
            task_queue=task_queue,
            workflows=WORKFLOWS,
            activities=ACTIVITIES,
            max_concurrent_activities=slots,
            max_cached_workflows=0,  # a workflow goes on with any worker: it does not wait for one that was killed
        )
        await worker.run()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
