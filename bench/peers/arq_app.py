"""arq's application, and its worker: `python -m bench.peers.arq_app` is `arq bench.peers.arq_app.WorkerSettings`
without two lines of log a job."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, ClassVar

from arq import create_pool
from arq.connections import RedisSettings
from arq.jobs import ResultNotFound
from arq.worker import run_worker

from bench import tally
from bench.peers.surroundings import redis_url

JOBS_AT_ONCE = 1_000
POLL_DELAY_S = 0.005
RESULT_POLL_DELAY_S = 0.001
AT_ONCE = 100


async def noop(_: dict[str, Any], number: int) -> int:
    tally.record(number)
    return number


class WorkerSettings:
    """What arq's command line looks for."""

    functions: ClassVar = [noop]
    redis_settings = RedisSettings.from_dsn(redis_url())
    max_jobs = JOBS_AT_ONCE
    poll_delay = POLL_DELAY_S


class Driver:
    """Coroutines that `enqueue_job` and wait for `result`."""

    enqueuers = 50

    async def __aenter__(self) -> Driver:
        self._pool = await create_pool(WorkerSettings.redis_settings)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.aclose()

    async def enqueue(self, number: int) -> Any:
        return await self._pool.enqueue_job("noop", number)

    async def result(self, handle: Any) -> int:
        value: int
        try:
            value = await handle.result(timeout=60, poll_delay=RESULT_POLL_DELAY_S)
        except ResultNotFound:  # it ended between the two questions that `result` asks
            value = (await handle.result_info()).result
        return value

    async def enqueue_many(self, numbers: Iterable[int]) -> None:
        pending = iter(numbers)

        async def some() -> None:
            for number in pending:
                await self._pool.enqueue_job("noop", number)

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))


if __name__ == "__main__":
    run_worker(WorkerSettings)
