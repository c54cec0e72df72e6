"""Activities that are ordinary functions: in threads, where they may block; or in processes, where they may compute.

Both heartbeat and are cancelled like `async` ones. A process that nobody wants any more, and that does not stop, is
killed. Each kind has a worker of its own here, on a task queue of its own.

    perdure dev                               # in another terminal
    python sdk/examples/sync_activities.py
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
import time
import uuid
from datetime import timedelta

from perdure import activity, workflow
from perdure.client import Client
from perdure.worker import Worker

THREADS, PROCESSES = "sync-threads", "sync-processes"


@activity.defn
def read_file(name: str) -> tuple[str, bool]:
    """Blocks, and lets the event loop alone."""
    time.sleep(0.05)
    return f"read {name}", threading.current_thread() is threading.main_thread()


@activity.defn
def count_primes(up_to: int) -> tuple[int, int]:
    """Computes, and lets the interpreter of the worker alone. It is found by its name in the process: it must stand at
    the top of a module."""
    found = 0
    for number in range(2, up_to):
        if number % 500 == 0:
            activity.heartbeat(number)
        found += all(number % divisor for divisor in range(2, int(number**0.5) + 1))
    return found, os.getpid()


@workflow.defn
class Work:
    @workflow.run
    async def run(self) -> tuple[list[tuple[str, bool]], tuple[int, int]]:
        read = await asyncio.gather(
            *(
                workflow.execute_activity(read_file, name, start_to_close_timeout=timedelta(seconds=10))
                for name in ("a", "b", "c")
            )
        )
        primes = await workflow.execute_activity(
            count_primes,
            5_000,
            task_queue=PROCESSES,
            start_to_close_timeout=timedelta(minutes=1),
            heartbeat_timeout=timedelta(seconds=10),
        )
        return read, primes


async def main() -> None:
    with (
        concurrent.futures.ThreadPoolExecutor(8) as threads,
        concurrent.futures.ProcessPoolExecutor(1) as processes,
    ):
        async with (
            await Client.connect() as client,
            Worker(
                client,
                task_queue=THREADS,
                workflows=[Work],
                activities=[read_file],
                activity_executor=threads,
                max_concurrent_activities=8,
            ),
            Worker(
                client,
                task_queue=PROCESSES,
                activities=[count_primes],
                activity_executor=processes,
                max_concurrent_activities=1,
            ),
        ):
            read, (primes, process_id) = await client.execute_workflow(
                Work.run, id=f"work-{uuid.uuid4().hex[:8]}", task_queue=THREADS
            )
    print(", ".join(told for told, _ in read), "- on the main thread:", any(on_main for _, on_main in read))
    print(f"{primes} primes, counted in another process: {process_id != os.getpid()}")


if __name__ == "__main__":
    asyncio.run(main())
