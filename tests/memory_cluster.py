"""A whole cluster in this process: the real engine on the store and the broker in memory, and a client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from perdure.client import Client
from perdure_broker.memory import MemoryBroker
from perdure_broker.memory_server import MemoryServer
from perdure_engine.engine import Engine
from perdure_engine.environment import RealEnvironment
from perdure_store.memory import MemoryStore
from perdure_store.port import Store
from tests.fake_engine import transport_to

SHARDS = 4


@contextlib.asynccontextmanager
async def memory_cluster(store: Store | None = None) -> AsyncIterator[Client]:
    """A client of an engine that runs; `store` is where it keeps everything, if somebody wants to look."""
    server = MemoryServer()
    store = store or MemoryStore()
    await store.migrate(SHARDS)
    await store.connect()
    broker = MemoryBroker(server)
    await broker.connect()
    stop, ready = asyncio.Event(), asyncio.Event()
    engine = Engine(store, broker, RealEnvironment(), node="only")
    running = asyncio.create_task(engine.run(stop, ready=ready.set))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    assert ready.is_set(), running.result()
    try:
        async with transport_to(server) as transport:
            yield Client(transport)
    finally:
        stop.set()
        await running
