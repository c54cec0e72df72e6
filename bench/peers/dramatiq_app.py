"""Dramatiq's application: `dramatiq bench.peers.dramatiq_app`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from bench import tally
from bench.peers.surroundings import redis_url

broker = RedisBroker(url=redis_url())
broker.add_middleware(Results(backend=RedisBackend(url=redis_url())))
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=True)
def noop(number: int) -> int:
    tally.record(number)
    return number


class Driver:
    """One thread, one broker: `send` and `get_result`."""

    enqueuers = 1

    async def __aenter__(self) -> Driver:
        return self

    async def __aexit__(self, *_: object) -> None:
        broker.close()

    async def enqueue(self, number: int) -> Any:
        return noop.send(number)

    async def result(self, handle: Any) -> int:
        value: int = handle.get_result(block=True, timeout=60_000)
        return value

    async def enqueue_many(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            noop.send(number)
