"""Celery's application: `celery --app bench.peers.celery_app worker`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from celery import Celery

from bench import tally
from bench.peers.celery_settings import LATE
from bench.peers.surroundings import redis_url

app = Celery("bench", broker=redis_url(), backend=redis_url())
if os.environ.get(LATE):
    app.conf.update(task_acks_late=True, worker_prefetch_multiplier=1)


@app.task
def noop(number: int) -> int:
    tally.record(number)
    return number


class Driver:
    """One thread, one producer: `delay` and `AsyncResult.get`."""

    enqueuers = 1

    async def __aenter__(self) -> Driver:
        return self

    async def __aexit__(self, *_: object) -> None:
        app.close()

    async def enqueue(self, number: int) -> Any:
        return noop.delay(number)

    async def result(self, handle: Any) -> int:
        value: int = handle.get(timeout=60)
        return value

    async def enqueue_many(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            noop.apply_async((number,), ignore_result=True)
