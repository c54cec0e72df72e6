"""A live system in the test's own process, on real servers: an engine, a worker, a client, and neighbours to watch.

Role: whatever a test throws at it, `neighbours_finish` says whether others noticed, and `letters` what was set aside.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from perdure import activity, workflow
from perdure.client import Client
from perdure.worker import Worker
from perdure_broker.port import StreamKind, TaskStream
from perdure_broker.redis_broker import RedisBroker, open_broker
from perdure_engine.engine import Engine
from perdure_engine.environment import RealEnvironment
from perdure_store.port import DeadLetterRow
from perdure_store.postgres import PostgresStore
from tests.waiting import wait_until

QUEUE = "hostile"
LEASE_MS = 1_200
NEIGHBOURS = 5
SECONDS_MAX = 20.0
"""For neighbours to finish: far more than they need, far less than for ever."""

_numbers = itertools.count()


@activity.defn
async def double(number: int) -> int:
    return 2 * number


@workflow.defn
class Neighbour:
    @workflow.run
    async def run(self, number: int) -> int:
        result: int = await workflow.execute_activity(double, number, start_to_close_timeout=timedelta(seconds=10))
        return result


class Live:
    """See the module's docstring."""

    def __init__(self, store: PostgresStore, broker: RedisBroker, client: Client, engine: asyncio.Task[None]) -> None:
        self.store = store
        self.broker = broker
        self.client = client
        self.engine = engine

    def stream(self, kind: StreamKind, worker: str = "") -> TaskStream:
        return TaskStream("default", QUEUE, kind, worker)

    async def neighbours_finish(self) -> None:
        """Ordinary workflows start and complete, and nothing of the engine has ended."""
        self.check_engine()
        numbers = [next(_numbers) for _ in range(NEIGHBOURS)]
        async with asyncio.timeout(SECONDS_MAX):
            results = await asyncio.gather(
                *(
                    self.client.execute_workflow(Neighbour.run, number, id=f"neighbour-{number}", task_queue=QUEUE)
                    for number in numbers
                )
            )
        assert results == [2 * number for number in numbers]
        self.check_engine()

    def check_engine(self) -> None:
        """Nothing has ended it; raises what did."""
        if self.engine.done():
            self.engine.result()
            raise AssertionError("the engine has ended")

    async def letters(self, count: int) -> list[DeadLetterRow]:
        """The dead letters, once there are so many."""

        async def look() -> list[DeadLetterRow] | None:
            rows = await self.store.dead_letters(limit=1_000)
            return rows if len(rows) >= count else None

        return await wait_until(look, what=f"{count} dead letters", timeout_seconds=SECONDS_MAX)

    @contextlib.asynccontextmanager
    async def worker(self, *activities: Any, workflows: tuple[Any, ...] = (), **options: Any) -> AsyncIterator[Worker]:
        """A worker that serves the neighbours, and what else is given."""
        options = {"task_queue": QUEUE, "workflows": [Neighbour, *workflows], **options}
        async with Worker(self.client, activities=[double, *activities], **options) as worker:
            yield worker


@contextlib.asynccontextmanager
async def live(database_dsn: str, redis_url: str) -> AsyncIterator[Live]:
    """An engine at work, without a worker yet."""
    store, broker = PostgresStore(database_dsn), open_broker(redis_url)
    own_store, own_broker = PostgresStore(database_dsn), open_broker(redis_url)
    stop, ready = asyncio.Event(), asyncio.Event()
    for part in (store, broker, own_store, own_broker):
        await part.connect()
    engine = Engine(store, broker, RealEnvironment(), node="hostile", lease_ms=LEASE_MS)
    running = asyncio.create_task(engine.run(stop, ready=ready.set))
    try:
        async with asyncio.timeout(SECONDS_MAX):
            await ready.wait()
        client = await Client.connect(redis_url)
        try:
            yield Live(own_store, own_broker, client, running)
        finally:
            await client.close()
    finally:
        stop.set()
        await asyncio.wait([running], timeout=SECONDS_MAX)
        running.cancel()
        for part in (store, broker, own_store, own_broker):
            await part.close()
    await running
