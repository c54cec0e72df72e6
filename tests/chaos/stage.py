"""All that a campaign runs: servers behind proxies, engines, workers and clients, on a directory of its own.

Role: starts it in order, and leaves nothing behind: no process, no mount, no file, however it ends.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.chaos import ledger
from tests.chaos.postgres_server import PostgresServer
from tests.chaos.redis_server import RedisServer
from tests.chaos.slot import Slot
from tests.chaos.workload import TASK_QUEUE
from tests.cluster import Cluster
from tests.proxy import Proxy, proxy_to, proxy_to_postgres
from tests.waiting import wait_until

PREFIX = "perdure-chaos-"
"""Of the directory's name, and so of every path on it."""

ENGINES = 2
WORKERS = 3
DRIVERS = 2

LEASE_SECONDS = 3
SUPERVISION_SECONDS = 0.3


class Stage:
    """Made by `open_stage`.

    Attributes:
        cluster: on the addresses that lead through the proxies.
        ledger_path: the directory of the outside ledger.
    """

    def __init__(
        self,
        directory: Path,
        redis: RedisServer,
        postgres: PostgresServer,
        redis_proxy: Proxy,
        postgres_proxy: Proxy,
        cluster: Cluster,
    ) -> None:
        self.directory = directory
        self.redis = redis
        self.postgres = postgres
        self.redis_proxy = redis_proxy
        self.postgres_proxy = postgres_proxy
        self.cluster = cluster
        self.ledger_path = directory / "ledger"
        self.ledger_path.mkdir()
        self.engines: list[Slot] = []
        self.workers: list[Slot] = []
        self.drivers: list[Slot] = []

    @property
    def slots(self) -> list[Slot]:
        return [*self.engines, *self.workers, *self.drivers]

    @property
    def has_small_disks(self) -> bool:
        return self.redis.disk.is_small and self.postgres.disk.is_small

    async def start_cluster(self) -> None:
        """Engines that answer, and workers that poll."""
        await asyncio.to_thread(self.cluster.migrate)
        command = ["engine", "--postgres", self.cluster.postgres_dsn, "--redis", self.cluster.address]
        command += ["--visibility-timeout", f"{LEASE_SECONDS}s"]
        self.engines += [self._slot(f"engine-{n}", "perdure.cli.main", *command) for n in range(ENGINES)]
        self.workers += [self._slot(f"worker-{n}", "tests.chaos.worker_process") for n in range(WORKERS)]
        for slot in self.engines:
            slot.start()
        await self.cluster.connect()
        for slot in self.workers:
            slot.start()

        async def all_poll() -> bool:
            async with self.redis.client() as client:
                return int(await client.hlen(f"perdure:{{default/{TASK_QUEUE}}}:info:a")) == WORKERS

        await wait_until(all_poll, what="workers that poll", timeout_seconds=60)

    def start_drivers(self, seed: int, lanes: int) -> None:
        """Clients, each with so many workflows at a time, and one with so many tasks."""
        for number in range(DRIVERS):
            name = f"driver-{number}"
            slot = self._slot(name, "tests.chaos.driver", name, str(seed), str(lanes), may_finish=True)
            self.drivers.append(slot)
            slot.start()
        slot = self._slot("tasks-0", "tests.chaos.task_driver", "task", str(seed), str(lanes), may_finish=True)
        self.drivers.append(slot)
        slot.start()

    async def supervise(self) -> None:
        """Start again what ends by itself, until cancelled."""
        while True:
            for slot in self.slots:
                slot.supervise()
            await asyncio.sleep(SUPERVISION_SECONDS)

    def logs(self) -> dict[str, str]:
        return {path.stem: path.read_text(errors="replace") for path in sorted(self.directory.glob("*.log"))}

    def _slot(self, name: str, module: str, *arguments: str, may_finish: bool = False) -> Slot:
        environment = {"PERDURE_ADDRESS": self.cluster.address, ledger.ENVIRONMENT: str(self.ledger_path)}
        return Slot(name, module, arguments, self.directory, environment, may_finish=may_finish)


@asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    """Servers that run, and nothing else yet. What was started on the stage ends with it."""
    directory = Path(tempfile.mkdtemp(prefix=PREFIX))
    directory.chmod(0o755)  # Postgres may run as another user
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        postgres, redis = PostgresServer(directory), RedisServer(directory)
        stack.callback(postgres.unmount)
        stack.callback(redis.unmount)
        for server in (postgres, redis):
            stack.push_async_callback(server.stop)
            await server.start()
        redis_proxy = await stack.enter_async_context(proxy_to(redis.connect))
        through = await stack.enter_async_context(proxy_to_postgres(postgres.dsn))
        cluster = Cluster(directory, through.dsn, f"redis://127.0.0.1:{redis_proxy.port}/0")
        stage = Stage(directory, redis, postgres, redis_proxy, through.proxy, cluster)
        stack.push_async_callback(_end_all, stage)
        yield stage


async def _end_all(stage: Stage) -> None:
    for slot in stage.slots:
        slot.kill()
    await stage.cluster.close()
