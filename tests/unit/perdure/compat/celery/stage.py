"""Applications for tests, and a cluster in this process with a worker for them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from perdure.client import Client
from perdure.compat.celery import Celery
from perdure.worker import Worker
from tests.memory_cluster import memory_cluster

T = TypeVar("T")


class LoopClients:
    """Has work done by the client of a test's own event loop, for code in other threads."""

    is_of_this_process = True

    def __init__(self, client: Client) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()

    def call(self, work: Callable[[Client], Awaitable[Any]]) -> concurrent.futures.Future[Any]:
        async def do() -> Any:
            return await work(self._client)

        return asyncio.run_coroutine_threadsafe(do(), self._loop)

    def close(self) -> None:
        """The test closes its client."""


@contextlib.asynccontextmanager
async def cluster_for(app: Celery) -> AsyncIterator[Client]:
    """A cluster in memory that this application is of."""
    async with memory_cluster() as client:
        app.cluster.use(LoopClients(client))
        try:
            yield client
        finally:
            app.cluster.use(None)


@contextlib.asynccontextmanager
async def at_work(app: Celery, *queues: str) -> AsyncIterator[Client]:
    """The same, with a worker for each of these queues (by default that of the application)."""
    async with cluster_for(app) as client, contextlib.AsyncExitStack() as stack:
        activities = app.__perdure_application__.activities
        for queue in queues or ("celery",):
            await stack.enter_async_context(Worker(client, task_queue=queue, activities=activities))
        yield client


async def off(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call what waits for the cluster, in a thread, as a program without an event loop does."""
    return await asyncio.to_thread(function, *args, **kwargs)
