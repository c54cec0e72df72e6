"""The worker process of the fault tests: `python -m tests.fault.load_worker [SLOTS]`, at PERDURE_ADDRESS."""

from __future__ import annotations

import asyncio
import sys

from perdure.client import Client
from perdure.worker import Worker
from tests.fault.workload import ACTIVITIES, TASK_QUEUE, WORKFLOWS

SLOTS = 200


async def serve(slots: int) -> None:
    async with await Client.connect() as client:
        worker = Worker(
            client,
            task_queue=TASK_QUEUE,
            workflows=WORKFLOWS,
            activities=ACTIVITIES,
            max_concurrent_activities=slots,
        )
        await worker.run()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else SLOTS))
