"""The Redis of a campaign: one server behind a proxy, that can be ill-treated in every way and replaced by a replica.

Role: mechanism of the faults that befall Redis. Clients know the proxy's address alone; the harness goes past it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import redis.asyncio
import redis.exceptions

from perdure_engine.embedded.errors import EmbeddedServerError
from perdure_engine.embedded.valkey import EmbeddedValkey
from tests.chaos.disk import SmallDisk
from tests.proxy import Streams
from tests.waiting import wait_until

DISK_MB = 256

SETTINGS = {
    "repl-diskless-sync-delay": "0",
    "repl-backlog-size": "1mb",
    "auto-aof-rewrite-min-size": "16mb",  # so that it is written anew a few times in a campaign
}


class RedisServer:
    """`proxy` is in front of whichever server is the primary."""

    def __init__(self, directory: Path) -> None:
        self.disk = SmallDisk(directory / "redis", DISK_MB)
        self._servers: list[EmbeddedValkey] = []
        self.began_empty_at: list[float] = []
        """When an append-only file could not be read, and the server began without it, as its operator would let it."""
        self._primary = self._make()

    # Life ------------------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        await asyncio.to_thread(self._primary.start)

    async def stop(self) -> None:
        self._signal(signal.SIGCONT)
        self.disk.clear()
        for server in self._servers:
            await asyncio.to_thread(server.stop)

    def unmount(self) -> None:
        self.disk.unmount()

    async def connect(self) -> Streams:
        """For the proxy."""
        return await asyncio.open_connection("127.0.0.1", self._primary.port)

    async def heal(self) -> None:
        """Whatever was done to it, it runs and may write."""
        self._signal(signal.SIGCONT)
        self.disk.clear()
        try:
            await asyncio.to_thread(self._primary.start)
        except EmbeddedServerError as error:
            if "append only file" not in str(error):
                raise
            self.began_empty_at.append(time.time())
            shutil.rmtree(self._primary.data_dir / "appendonlydir")
            await asyncio.to_thread(self._primary.start)
        async with self.client() as client:
            await client.config_set("maxmemory", "0")

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Any]:
        """A connection of the harness, past the proxy."""
        client: Any = redis.asyncio.Redis.from_url(self._primary.url, socket_timeout=10)
        try:
            yield client
        finally:
            await client.aclose()

    # Faults ----------------------------------------------------------------------------------------------------------
    async def kill(self) -> None:
        await asyncio.to_thread(self._primary.kill)

    async def shut_down(self, *, losing_data: bool) -> None:
        await asyncio.to_thread(self._primary.stop)
        if losing_data:
            shutil.rmtree(self._primary.data_dir / "appendonlydir")

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    async def flush(self) -> None:
        async with self.client() as client:
            await client.flushall()

    async def limit_memory(self, spare_bytes: int) -> None:
        """Let the server take no more memory than it has and `spare_bytes` (which may be negative)."""
        async with self.client() as client:
            used = int((await client.info("memory"))["used_memory"])
            await client.config_set("maxmemory", str(max(used + spare_bytes, 1)))

    async def prepare_replica(self) -> EmbeddedValkey:
        """A replica that has all the primary has, and from now on gets nothing any more."""
        replica = self._make()
        await asyncio.to_thread(replica.start)
        client: Any = redis.asyncio.Redis.from_url(replica.url)

        async def in_step() -> bool:
            told = await client.info("replication")
            return bool(told["master_link_status"] == "up" and not told["master_sync_in_progress"])

        try:
            await client.replicaof("127.0.0.1", self._primary.port)
            await wait_until(in_step, what="a replica in step")
            await client.replicaof("NO", "ONE")
        finally:
            await client.aclose()
        return replica

    async def fail_over(self, replica: EmbeddedValkey) -> None:
        """The primary is gone, and clients come to the replica."""
        old, self._primary = self._primary, replica
        await asyncio.to_thread(old.kill)
        shutil.rmtree(old.data_dir)

    def _make(self) -> EmbeddedValkey:
        server = EmbeddedValkey(self.disk.path / f"valkey-{len(self._servers)}", settings=SETTINGS)
        self._servers.append(server)
        return server

    def _signal(self, number: signal.Signals) -> None:
        pid = self._primary.pid
        if pid is not None:
            os.kill(pid, number)
