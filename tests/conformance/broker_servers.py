"""The servers that the broker's conformance suite runs on, behind one face: memory, one Redis, a Redis Cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import pytest
import redis

from perdure_broker.keys import GROUP, Keys
from perdure_broker.leases import open_leases
from perdure_broker.memory import MemoryBroker, MemoryLeases
from perdure_broker.memory_server import MemoryServer
from perdure_broker.memory_streams import Stream
from perdure_broker.port import Broker, Leases, Publication, StreamKind, TaskStream, WorkerInfo
from perdure_broker.redis_broker import open_broker
from tests.redis_deployments import RedisCluster, ask

WORKFLOW = TaskStream("default", "orders", StreamKind.WORKFLOW)
ACTIVITY = TaskStream("default", "orders", StreamKind.ACTIVITY)
STICKY = TaskStream("default", "orders", StreamKind.STICKY, "worker-1")

WORKER = WorkerInfo("worker-1", "host 1", 100, 0)
TTL_MS = 60_000


class BrokerServer(Protocol):
    """One server that brokers connect to."""

    async def broker(self) -> Broker:
        """Another broker, connected; closed with the server."""

    def leases(self) -> Leases: ...

    async def flush(self) -> None:
        """Lose everything."""

    async def lose_deliveries(self, stream: TaskStream) -> None:
        """Keep the entries of a stream and forget who had them, as a replica that lags."""


class OnMemory:
    def __init__(self) -> None:
        self._server = MemoryServer()

    async def broker(self) -> Broker:
        broker = MemoryBroker(self._server)
        await broker.connect()
        return broker

    def leases(self) -> Leases:
        return MemoryLeases(self._server)

    async def flush(self) -> None:
        self._server.flush()

    async def lose_deliveries(self, stream: TaskStream) -> None:
        queue = self._server.made_queue(stream)
        again = Stream()
        entries = queue.stream.after(b"0-0", 1_000)
        for entry_id, data in entries:
            again.add(data, int(entry_id.partition(b"-")[0]))
        assert again.after(b"0-0", 1_000) == entries, "the ids are the same"
        queue.stream = again


class OnRedis:
    def __init__(self, url: str, inbox_partitions: int = 1) -> None:
        self._url = url
        self._inbox_partitions = inbox_partitions
        self._opened: list[Callable[[], object]] = []
        self._brokers: list[Broker] = []

    async def broker(self) -> Broker:
        broker = open_broker(self._url, inbox_partitions=self._inbox_partitions)
        self._brokers.append(broker)
        await broker.connect()
        return broker

    def leases(self) -> Leases:
        leases = open_leases(self._url)
        self._opened.append(leases.close)
        return leases

    async def flush(self) -> None:
        await asyncio.to_thread(self._flush)

    async def lose_deliveries(self, stream: TaskStream) -> None:
        await asyncio.to_thread(self._destroy_group, Keys().queue(stream).stream)

    def _destroy_group(self, key: bytes) -> None:
        with redis.Redis.from_url(self._url) as client:
            client.xgroup_destroy(key, GROUP)

    def _flush(self) -> None:
        with redis.Redis.from_url(self._url) as client:
            client.flushdb()

    async def close(self) -> None:
        for broker in self._brokers:
            await broker.close()
        for close in self._opened:
            await asyncio.to_thread(close)


class OnRedisCluster(OnRedis):
    """With inboxes on all three nodes."""

    def __init__(self, cluster: RedisCluster) -> None:
        super().__init__(cluster.url, inbox_partitions=4)
        self._cluster = cluster

    def _flush(self) -> None:
        self._cluster.flush()

    def _destroy_group(self, key: bytes) -> None:
        ask(self._cluster.holder(key), "XGROUP", "DESTROY", key.decode(), GROUP.decode())


BROKER_SERVERS = ("memory", "redis", "redis_cluster")


@asynccontextmanager
async def broker_server(request: pytest.FixtureRequest, name: str) -> AsyncIterator[BrokerServer]:
    """One of `BROKER_SERVERS`, empty."""
    if name == "memory":
        yield OnMemory()
        return
    if name == "redis":
        server = OnRedis(request.getfixturevalue("redis_url"))
    else:
        server = OnRedisCluster(request.getfixturevalue("redis_cluster"))
    try:
        yield server
    finally:
        await server.close()


def publications(*members: str, shard_id: int = 1) -> list[Publication]:
    """Tasks whose data is their member."""
    return [Publication(shard_id, member, member.encode()) for member in members]


def numbered(count: int, prefix: str = "task") -> list[str]:
    return [f"{prefix}-{number}" for number in range(count)]
