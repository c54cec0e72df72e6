"""Running an engine as a process, and migrating its database: what the command line calls."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import uvloop

from perdure_broker.redis_broker import open_broker
from perdure_engine.engine import LEASE_MS, Engine
from perdure_engine.environment import RealEnvironment
from perdure_engine.history.cache import CACHE_BYTES_MAX
from perdure_store.open import open_store

logger = logging.getLogger("perdure.engine")

SHARD_COUNT = 16
"""Shards made by the first migration, unless it is told otherwise."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """How to run one engine.

    Attributes:
        postgres_dsn: the store's address.
        redis_url: the broker's address; clients and workers use the same.
        visibility_timeout_ms: how long a task may be held by a silent worker.
        cache_bytes_max: memory for open runs.
        node: name among the engines; made up when empty.
    """

    postgres_dsn: str = field(repr=False)  # addresses may hold passwords
    redis_url: str = field(repr=False)
    visibility_timeout_ms: int = LEASE_MS
    cache_bytes_max: int = CACHE_BYTES_MAX
    node: str = ""


def make_node_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


async def serve(config: EngineConfig, stop: asyncio.Event, ready: Callable[[], None] = lambda: None) -> None:
    """Connect and run one engine until `stop` is set.

    Raises:
        StoreUnavailable, SchemaMissing: the database cannot be used; the text says what to do.
        BrokerUnavailable, WrongConfiguration: the same of the broker.
    """
    store = open_store(config.postgres_dsn)
    broker = open_broker(config.redis_url)
    try:
        await store.connect()
        await broker.connect()
        engine = Engine(
            store,
            broker,
            RealEnvironment(),
            node=config.node or make_node_name(),
            lease_ms=config.visibility_timeout_ms,
            cache_bytes_max=config.cache_bytes_max,
        )
        await engine.run(stop, ready=ready)
    finally:
        await broker.close()
        await store.close()


def calm_garbage_collection() -> None:
    """Look for cycles less often: an engine holds many live tuples and makes few cycles (measured: a sixth of its CPU
    time with the default thresholds)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(500_000, 5, 5)


def run_engine(config: EngineConfig, ready: Callable[[], None] = lambda: None) -> None:
    """Run an engine in this process until SIGINT or SIGTERM, then hand its shards over."""

    calm_garbage_collection()

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await serve(config, stop, ready)

    uvloop.run(main())


class Migrated(NamedTuple):
    """Steps taken, and steps that wait until the last engine of an earlier version has stopped."""

    taken: list[str]
    waiting: list[str]


def run_migrate(postgres_dsn: str, shard_count: int = SHARD_COUNT, *, finish: bool = False) -> Migrated:
    """Bring the schema up to date; with `finish`, also take away what only earlier versions needed.

    Raises:
        StoreError: the database cannot be reached or changed; the text says why.
    """

    async def main() -> Migrated:
        store = open_store(postgres_dsn)
        try:
            taken = await store.migrate(shard_count, finish=finish)
            return Migrated(taken, await store.unfinished_steps())
        finally:
            await store.close()

    return asyncio.run(main())
