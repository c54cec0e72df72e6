"""Taskiq's application: `taskiq worker bench.peers.taskiq_app:broker`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from taskiq.serializers import ORJSONSerializer
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from bench import tally
from bench.peers.surroundings import redis_url

AT_ONCE = 100
CHECK_INTERVAL_S = 0.001

broker = (
    RedisStreamBroker(url=redis_url())
    .with_result_backend(RedisAsyncResultBackend(redis_url=redis_url()))
    .with_serializer(ORJSONSerializer())
)


@broker.task
async def noop(number: int) -> int:
    tally.record(number)
    return number


class Driver:
    """Coroutines that `kiq` and `wait_result`."""

    enqueuers = 50

    async def __aenter__(self) -> Driver:
        await broker.startup()
        return self

    async def __aexit__(self, *_: object) -> None:
        await broker.shutdown()

    async def enqueue(self, number: int) -> Any:
        return await noop.kiq(number)

    async def result(self, handle: Any) -> int:
        result = await handle.wait_result(check_interval=CHECK_INTERVAL_S, timeout=60)
        value: int = result.return_value
        return value

    async def enqueue_many(self, numbers: Iterable[int]) -> None:
        pending = iter(numbers)

        async def some() -> None:
            for number in pending:
                await noop.kiq(number)

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))
