"""An engine in this process, over a store in memory and a real Redis; workers beside it, here or as processes.

Role: what these tests share. The failures are those of streams, so that the database plays no part; where an engine
itself is killed, `tests.cluster` has real ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from perdure.client import Client
from perdure.worker import Worker
from perdure_broker.port import BrokerUnavailable, StreamKind, TaskStream
from perdure_broker.redis_broker import RedisBroker, open_broker
from perdure_engine.engine import Engine
from perdure_engine.environment import RealEnvironment
from perdure_store.memory import MemoryStore
from tests.cluster import Process
from tests.fault.journal import Journal
from tests.fault.streams.workload import ACTIVITIES, DOOMED, LEASE_SECONDS, TASK_QUEUE, WORKFLOWS
from tests.waiting import wait_until

SHARDS = 8

BUSY_SECONDS = 120.0
"""For thousands of activities on a busy machine."""


class Scene:
    """Attributes:
    address: what clients and workers use.
    client: a client of it.
    broker: a look into Redis.
    journal: what activities did.
    """

    def __init__(self, address: str, client: Client, broker: RedisBroker, directory: Path) -> None:
        self.address = address
        self.client = client
        self.broker = broker
        self.journal = Journal(directory / "journal.jsonl")
        self._directory = directory
        self._stack = contextlib.AsyncExitStack()
        self._processes: list[Process] = []

    async def worker(self, *, slots: int = 200, task_queue: str = TASK_QUEUE) -> Worker:
        """A worker in this process, with a connection of its own, that runs until the scene closes."""
        client = await self._stack.enter_async_context(await Client.connect(self.address))
        worker = Worker(
            client,
            task_queue=task_queue,
            workflows=WORKFLOWS,
            activities=ACTIVITIES,
            max_concurrent_activities=slots,
        )
        return await self._stack.enter_async_context(worker)

    def worker_process(self, *, slots: int = 200, task_queue: str = TASK_QUEUE, doomed: bool = False) -> Process:
        """A worker that can be killed. Doomed: its activities hang."""
        process = Process(
            f"worker-{len(self._processes) + 1}",
            [sys.executable, "-m", "tests.fault.streams.worker_process", task_queue, str(slots)],
            self._directory,
            {"PERDURE_ADDRESS": self.address, DOOMED: "1" if doomed else "", **self.journal.environment},
        )
        self._processes.append(process)
        return process

    def stream(self, kind: StreamKind = StreamKind.ACTIVITY, task_queue: str = TASK_QUEUE) -> TaskStream:
        return TaskStream("default", task_queue, kind)

    async def wait_pending(self, count: int, *, task_queue: str = TASK_QUEUE) -> None:
        """Until workers hold so many activities."""

        async def all_held() -> bool:
            with contextlib.suppress(BrokerUnavailable):
                return (await self.broker.queue_state(self.stream(task_queue=task_queue))).pending == count
            return False

        what = f"{count} activities in the hands of workers"
        await wait_until(all_held, what=what, timeout_seconds=BUSY_SECONDS, every_seconds=0.05)

    async def wait_begun(self, count: int) -> None:
        """Until so many attempts have begun, in whatever process."""

        async def all_begun() -> bool:
            path = self.journal.path
            return path.exists() and path.read_bytes().count(b"\n") == count

        await wait_until(
            all_begun, what=f"{count} attempts that have begun", timeout_seconds=BUSY_SECONDS, every_seconds=0.05
        )

    async def wait_empty(self, *, task_queue: str = TASK_QUEUE) -> None:
        """Until nothing of the queue is left in its streams, delivered or not."""

        async def is_empty() -> bool:
            with contextlib.suppress(BrokerUnavailable):
                states = [
                    await self.broker.queue_state(self.stream(kind, task_queue))
                    for kind in (StreamKind.WORKFLOW, StreamKind.ACTIVITY)
                ]
                return all(state.undelivered == state.pending == 0 for state in states)
            return False

        await wait_until(is_empty, what="streams without an entry")

    async def close(self) -> None:
        await self._stack.aclose()
        for process in self._processes:
            process.end()


@contextlib.asynccontextmanager
async def scene(address: str, directory: Path, *, lease_seconds: float = LEASE_SECONDS) -> AsyncIterator[Scene]:
    """A scene at a Redis, which is empty."""
    store = MemoryStore()
    await store.migrate(SHARDS)
    await store.connect()
    broker, eyes = open_broker(address), open_broker(address)
    await broker.connect()
    stop, ready = asyncio.Event(), asyncio.Event()
    engine = Engine(store, broker, RealEnvironment(), node="only", lease_ms=round(lease_seconds * 1000))
    running = asyncio.create_task(engine.run(stop, ready=ready.set))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    assert ready.is_set(), running.result()
    try:
        async with await Client.connect(address) as client:
            made = Scene(address, client, eyes, directory)
            try:
                yield made
            except BaseException as error:
                for process in made._processes:
                    error.add_note(f"--- {process.name}\n{process.output[-4000:]}")
                raise
            finally:
                await made.close()
    finally:
        stop.set()
        await running
        await eyes.close()
        await broker.close()
