"""Activities without a workflow, and a cluster with a worker for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

from perdure import activity
from perdure.client import Client
from perdure.exceptions import ApplicationError
from perdure.worker import Worker
from tests.memory_cluster import memory_cluster

QUEUE = "mails"
MINUTE = timedelta(minutes=1)


@activity.defn
async def send(to: str, times: int = 1) -> list[str]:
    return [to] * times


@activity.defn
def count(words: str) -> int:
    return len(words.split())


@activity.defn
async def bounce(to: str) -> str:
    raise ApplicationError(f"{to} is unknown", type="Unknown", non_retryable=True)


@activity.defn
async def wait() -> str:
    activity.heartbeat("here")
    await asyncio.Event().wait()
    return "never"


@activity.defn
async def by_hand() -> str:
    activity.raise_complete_async()


@contextlib.asynccontextmanager
async def post_office() -> AsyncIterator[Client]:
    activities = [send, count, bounce, wait, by_hand]
    async with memory_cluster() as client, Worker(client, task_queue=QUEUE, activities=activities):
        yield client
