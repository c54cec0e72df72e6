"""A task queue on Redis, in its turn.

The same for all of them:

- As many worker processes as the machine has processors (`PROCESSES`, the default of Celery and Dramatiq), beside a
  client process. Perdure has an engine and a worker, whatever the machine.
- Results are kept, as Perdure keeps them, on the Redis that carries the tasks. Its append-only file is on, synced once
  a second; what that may lose, a peer loses. Perdure's tasks and results are in Postgres besides.
- Logs at warnings: at its default level a peer may write a line or two a task.
- A peer that is slower executes fewer tasks (`pace`), so that its turn takes seconds; a rate does not depend on it.
- No execution is taken on trust: see `bench.tally` and `bench.peers.task_client`.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import tempfile
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from bench.contenders.client_process import FILL_TIMEOUT_S, TIMEOUT_S, last_words, measure, run_client
from bench.contenders.contender import Contender, ContenderFailed, Report
from bench.contenders.waiting_tasks import RedisMemory, measurement_of_waiting
from bench.measurement import Measurement, Memory
from bench.peers.surroundings import task_environment
from bench.process import BenchProcess
from bench.scenario import DRAIN, TASK, WAITING, Scenario
from bench.servers import Servers
from bench.tally import Tally, TallyError, drain_rate

PROCESSES = os.cpu_count() or 1
LOGICAL_DATABASE = 9
TASKS_MIN = 20


class TaskPeer(Contender):
    """Each scenario is a start from an empty Redis, with workers of its own."""

    kinds: ClassVar = frozenset({TASK, DRAIN})
    pace: ClassVar[float] = 1.0
    """Share of a scenario's tasks that it is given."""

    @abstractmethod
    def workers(self, kind: str) -> list[Sequence[str]]:
        """The commands of its worker processes, or of the one that makes them."""

    @abstractmethod
    def client(self, kind: str) -> Sequence[str]:
        """The command of its client, which is given what it does, a count and a concurrency."""

    def settings(self) -> Mapping[str, str]:
        """What else its processes are told."""
        return {}

    def turn(self, servers: Servers, scenarios: Sequence[Scenario], report: Report) -> Memory | None:
        for scenario in scenarios:
            with (
                servers.streams(LOGICAL_DATABASE) as url,
                tempfile.TemporaryDirectory(prefix="perdure-bench-") as folder,
            ):
                tally = Tally(Path(folder) / "tally")
                tally.begin()
                stage = Stage(self, paced(scenario, self.pace), url, tally)
                report(scenario, stage.run())
        return None


@dataclasses.dataclass(frozen=True)
class Stage:
    """One scenario of a peer's turn."""

    peer: TaskPeer
    scenario: Scenario
    url: str
    tally: Tally

    def run(self) -> Measurement:
        does = {DRAIN: self._drain, WAITING: self._wait}.get(self.scenario.workflow, self._measure)
        try:
            return does()
        except TallyError as error:
            raise ContenderFailed(f"{self.scenario.name}: {error}") from error

    def _measure(self) -> Measurement:
        with self._working() as workers:
            for run in (self.scenario.warm_up(), self.scenario):
                measured = measure(self._client("measure", run), run, self._environment, workers)
        self.tally.executions(self.scenario.count)  # once more: nothing was executed again since
        return measured

    def _drain(self) -> Measurement:
        """Everything is enqueued before the workers begin."""
        self._fill()
        with self._working() as workers:
            try:
                self.tally.wait_full(self.scenario.count, TIMEOUT_S)
            except TallyError as error:
                raise ContenderFailed(f"{self.scenario.name}: {error}\n{last_words(workers)}") from error
        executed = self.tally.executions(self.scenario.count)
        return drained(executed)

    def _wait(self) -> Measurement:
        memory = RedisMemory(self.url)  # which is empty
        before = memory.settled_bytes()
        began = time.monotonic()
        self._fill()
        seconds = time.monotonic() - began
        return measurement_of_waiting(self.scenario.count, seconds, memory.settled_bytes() - before)

    def _fill(self) -> None:
        run_client(self._client("fill", self.scenario), self.scenario.name, self._environment, (), FILL_TIMEOUT_S)

    def _client(self, does: str, run: Scenario) -> list[str]:
        return [*self.peer.client(run.workflow), does, str(run.count), str(run.concurrency)]

    @property
    def _environment(self) -> dict[str, str]:
        return task_environment(self.url, self.tally, self.peer.settings())

    @contextmanager
    def _working(self) -> Iterator[list[BenchProcess]]:
        commands = self.peer.workers(self.scenario.workflow)
        workers = [BenchProcess("worker", command, self._environment) for command in commands]
        try:
            yield workers
        finally:
            for worker in workers:
                worker.end()


def drained(executed: list[int]) -> Measurement:
    """Of tasks that all waited before the first one was executed."""
    return Measurement(drain_rate(executed), (max(executed) - min(executed)) / 1e9, p50_ms=0.0, p99_ms=0.0)


def paced(scenario: Scenario, pace: float) -> Scenario:
    """What a peer that is slower is given. One task at a time, and memory, are the same for all."""
    if scenario.concurrency == 1 or scenario.workflow == WAITING:
        return scenario
    count = max(TASKS_MIN, int(scenario.count * pace))
    return dataclasses.replace(scenario, count=count, concurrency=min(scenario.concurrency, count))


def python_client(module: str) -> list[str]:
    return [sys.executable, "-m", "bench.peers.task_client", module]
