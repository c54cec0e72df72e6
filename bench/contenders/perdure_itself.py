"""Perdure by its public face: `perdure db migrate`, `perdure engine`, a worker and a client, each a process, all
defaults.

Tasks that are ordinary functions run on a worker of their own, in its pool: by default as many processes as the machine
has processors, as Celery's. Tasks that wait do so behind ten that take long, on a worker that has no room for more:
what Perdure keeps in Redis for a queue that is worked on is there.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from bench import tally
from bench.contenders.client_process import FILL_TIMEOUT_S, TIMEOUT_S, last_words, measure, run_client
from bench.contenders.contender import Contender, ContenderFailed, Report
from bench.contenders.perdure_workflows import TASK_QUEUE, waiting_task_queue
from bench.contenders.task_peer import drained
from bench.contenders.waiting_tasks import RedisMemory, measurement_of_waiting
from bench.measurement import Measurement, Memory
from bench.peers.surroundings import environment
from bench.process import BenchProcess
from bench.scenario import DRAIN, SYNC, TASK, WAITING, Scenario
from bench.servers import Servers
from bench.tally import Tally, TallyError
from perdure.client import Client
from perdure.service import RPCError

COMMAND = (sys.executable, "-m", "perdure.cli.main")
WORKER = [*COMMAND, "worker", "bench.contenders.perdure_workflows", "--task-queue"]
SYNC_WORKER = [*COMMAND, "worker", "bench.contenders.perdure_sync_tasks"]
BUSY = ["--activity-slots", "10", "--grace", "0s"]
CLIENT = [sys.executable, "-m", "bench.contenders.perdure_client"]
LOGICAL_DATABASE = 9
START_TIMEOUT_S = 60
POLL_INTERVAL_S = 0.1


class PerdureItself(Contender):
    """A migrated database, one engine, one worker; then one client process a scenario."""

    kinds: ClassVar = frozenset({"one", "ten", "fan", TASK, SYNC, DRAIN, WAITING})
    has_shards: ClassVar = True

    @classmethod
    def absence(cls) -> str | None:
        return None

    def turn(self, servers: Servers, scenarios: Sequence[Scenario], report: Report) -> Memory | None:
        with (
            servers.database() as dsn,
            servers.streams(LOGICAL_DATABASE) as url,
            tempfile.TemporaryDirectory(prefix="perdure-bench-") as folder,
        ):
            empty_bytes = RedisMemory(url).settled_bytes() if scenarios[0].workflow == WAITING else 0
            cluster = Cluster(dsn, url, Tally(Path(folder) / "tally"), empty_bytes)
            cluster.start(scenarios[0].shards)
            try:
                for scenario in scenarios:
                    report(scenario, cluster.run(scenario))
                return Memory(cluster.peak_bytes)
            except TallyError as error:
                raise ContenderFailed(f"{error}\n{last_words(cluster.processes)}") from error
            finally:
                cluster.stop()


class Cluster:
    """An engine, the workers that a scenario needs, and what they took of memory.

    `redis_empty_bytes` is what Redis had allocated before any of them began.
    """

    def __init__(self, dsn: str, url: str, counted: Tally, redis_empty_bytes: int) -> None:
        self._url = url
        self._tally = counted
        self._redis_empty_bytes = redis_empty_bytes
        self._environment = environment(
            PERDURE_POSTGRES_DSN=dsn,
            PERDURE_REDIS_URL=url,
            PERDURE_ADDRESS=url,
            **{tally.ENVIRONMENT: str(counted.path)},
        )
        self._engine: BenchProcess | None = None
        self._workers: dict[str, BenchProcess] = {}
        self._peaks: dict[str, int] = {}

    @property
    def processes(self) -> list[BenchProcess]:
        return [*([self._engine] if self._engine else []), *self._workers.values()]

    @property
    def peak_bytes(self) -> dict[str, int]:
        for process in self.processes:
            self._peaks[process.role] = max(self._peaks.get(process.role, 0), process.peak_bytes)
        return self._peaks

    def start(self, shards: int) -> None:
        self._tally.begin()
        _migrate(self._environment, shards)
        self._engine = BenchProcess("engine", [*COMMAND, "engine"], self._environment)
        try:
            asyncio.run(_wait_engine(self._url, self._engine))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self._without_workers()
        if self._engine:
            self._engine.end()

    def run(self, scenario: Scenario) -> Measurement:
        does = {DRAIN: self._drain, WAITING: self._wait}.get(scenario.workflow, self._measure)
        return does(scenario)

    def _measure(self, scenario: Scenario) -> Measurement:
        if scenario.workflow == SYNC:
            self._with_worker("sync worker", SYNC_WORKER)
        else:
            self._with_worker("worker", [*WORKER, TASK_QUEUE])
        for run in (scenario.warm_up(), scenario):
            measured = measure(_client("measure", run), run, self._environment, self.processes)
        return measured

    def _drain(self, scenario: Scenario) -> Measurement:
        """Everything is enqueued before the worker begins."""
        self._without_workers()
        self._fill(scenario)
        self._with_worker("worker", [*WORKER, TASK_QUEUE])
        self._tally.wait_full(scenario.count, TIMEOUT_S)
        return drained(self._tally.executions(scenario.count))

    def _wait(self, scenario: Scenario) -> Measurement:
        """All that is Perdure's in Redis, with what waits from the scenarios before."""
        self._with_worker("busy worker", [*WORKER, waiting_task_queue(scenario.count), *BUSY])
        began = time.monotonic()
        self._fill(scenario)
        seconds = time.monotonic() - began
        taken = RedisMemory(self._url).settled_bytes() - self._redis_empty_bytes
        self._without_workers()
        return measurement_of_waiting(scenario.count, seconds, taken)

    def _fill(self, scenario: Scenario) -> None:
        run_client(_client("fill", scenario), scenario.name, self._environment, self.processes, FILL_TIMEOUT_S)

    def _with_worker(self, role: str, command: list[str]) -> None:
        if role not in self._workers:
            self._workers[role] = BenchProcess(role, command, self._environment)

    def _without_workers(self) -> None:
        self._peaks = self.peak_bytes
        for worker in self._workers.values():
            worker.end()
        self._workers.clear()


async def _wait_engine(url: str, engine: BenchProcess) -> None:
    """Until the engine can be asked; only then is there anything to connect to."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            async with await Client.connect(url):
                return
        except RPCError as error:
            if not engine.running or time.monotonic() > deadline:
                raise ContenderFailed(f"the engine did not start: {error}\n{last_words([engine])}") from error
        await asyncio.sleep(POLL_INTERVAL_S)


def _migrate(environment: dict[str, str], shards: int) -> None:
    options = ["--shards", str(shards)] if shards else []
    result = subprocess.run(
        [*COMMAND, "db", "migrate", *options], env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise ContenderFailed(f"perdure db migrate failed:\n{result.stdout}{result.stderr}")


def _client(does: str, run: Scenario) -> list[str]:
    return [*CLIENT, does, run.workflow, str(run.count), str(run.concurrency), str(run.argument)]
