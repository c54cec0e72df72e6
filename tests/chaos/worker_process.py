"""A worker process of a campaign: `python -m tests.chaos.worker_process`, at PERDURE_ADDRESS, until SIGTERM.

One that finds no server at its start says so and ends, for its supervisor to start it again.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta

from perdure.client import Client
from perdure.service import RPCError
from perdure.worker import Worker
from perdure_broker.port import BrokerUnavailable
from tests.chaos.slot import EXIT_UNAVAILABLE
from tests.chaos.task_load import LIMITED_QUEUE, task_work
from tests.chaos.workload import ACTIVITIES, TASK_QUEUE, WORKFLOWS

SLOTS = 16

CACHED_WORKFLOWS = 60
"""Fewer than run at once, so that instances are evicted and made anew all the time."""

GRACE = timedelta(seconds=1)


async def serve() -> int:
    logging.basicConfig(format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", level=logging.INFO)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    try:
        client = await Client.connect()
    except RPCError as error:
        return _unavailable(error)
    async with client:
        worker = Worker(
            client,
            task_queue=TASK_QUEUE,
            workflows=list(WORKFLOWS.values()),
            activities=(*ACTIVITIES, task_work),
            max_concurrent_activities=SLOTS,
            max_cached_workflows=CACHED_WORKFLOWS,
            graceful_shutdown_timeout=GRACE,
        )
        limited = Worker(client, task_queue=LIMITED_QUEUE, activities=[task_work], graceful_shutdown_timeout=GRACE)
        stopping = asyncio.create_task(_stop((worker, limited), stop))
        try:
            await asyncio.gather(worker.run(), limited.run())
        except BrokerUnavailable as error:
            return _unavailable(error)
        finally:
            stopping.cancel()
    return 0


async def _stop(workers: Sequence[Worker], asked: asyncio.Event) -> None:
    await asked.wait()
    await asyncio.gather(*(worker.shutdown() for worker in workers))


def _unavailable(error: Exception) -> int:
    print(f"no server yet: {error}", file=sys.stderr)
    return EXIT_UNAVAILABLE


if __name__ == "__main__":
    sys.exit(asyncio.run(serve()))
