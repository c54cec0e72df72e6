"""Perdure by its public face: `perdure db migrate`, `perdure engine`, a worker and a client, each a process, all
defaults."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.contenders.contender import Contender, ContenderFailed, Report
from bench.contenders.perdure_workflows import TASK_QUEUE
from bench.measurement import Measurement, Memory
from bench.process import BenchProcess
from bench.scenario import Scenario
from bench.servers import Servers
from perdure.client import Client
from perdure.service import RPCError

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "perdure.cli.main")
LOGICAL_DATABASE = 9
CLIENT_TIMEOUT_S = 300
START_TIMEOUT_S = 60
POLL_INTERVAL_S = 0.1


class PerdureItself(Contender):
    """A migrated database, one engine, one worker; then one client process a scenario."""

    @classmethod
    def absence(cls) -> str | None:
        return None

    def turn(self, servers: Servers, scenarios: Sequence[Scenario], report: Report) -> Memory | None:
        with servers.database() as dsn, servers.streams(LOGICAL_DATABASE) as url:
            environment = {
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
                "PERDURE_POSTGRES_DSN": dsn,
                "PERDURE_REDIS_URL": url,
                "PERDURE_ADDRESS": url,
            }
            _migrate(environment, scenarios[0].shards)
            processes: list[BenchProcess] = []
            try:
                processes.append(BenchProcess("engine", [*COMMAND, "engine"], environment))
                asyncio.run(_wait_engine(url, processes[0]))
                worker = [*COMMAND, "worker", "bench.contenders.perdure_workflows", "--task-queue", TASK_QUEUE]
                processes.append(BenchProcess("worker", worker, environment))
                for scenario in scenarios:
                    _run_client(scenario.warm_up(), environment, processes)
                    report(scenario, _run_client(scenario, environment, processes))
                return Memory({process.role: process.peak_bytes for process in processes})
            finally:
                for process in reversed(processes):
                    process.end()


async def _wait_engine(url: str, engine: BenchProcess) -> None:
    """Until the engine can be asked; only then is there anything to connect to."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            async with await Client.connect(url):
                return
        except RPCError as error:
            if not engine.running or time.monotonic() > deadline:
                raise ContenderFailed(f"the engine did not start: {error}\n{_last_words([engine])}") from error
        await asyncio.sleep(POLL_INTERVAL_S)


def _migrate(environment: dict[str, str], shards: int) -> None:
    options = ["--shards", str(shards)] if shards else []
    result = subprocess.run(
        [*COMMAND, "db", "migrate", *options], env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise ContenderFailed(f"perdure db migrate failed:\n{result.stdout}{result.stderr}")


def _run_client(scenario: Scenario, environment: dict[str, str], processes: list[BenchProcess]) -> Measurement:
    """The client is a process of its own, as in life; it prints one JSON line."""
    arguments = [scenario.workflow, str(scenario.count), str(scenario.concurrency), str(scenario.argument)]
    try:
        result = subprocess.run(
            [sys.executable, "-m", "bench.contenders.perdure_client", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=CLIENT_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ContenderFailed(f"{scenario.name}: no end in {CLIENT_TIMEOUT_S} s\n{_last_words(processes)}") from None
    if result.returncode != 0:
        raise ContenderFailed(f"{scenario.name}:\n{result.stderr[-2000:]}\n{_last_words(processes)}")
    return Measurement(**json.loads(result.stdout.splitlines()[-1]))


def _last_words(processes: list[BenchProcess]) -> str:
    words = []
    for process in processes:
        state = "runs" if process.running else "has ended"
        words.append(f"--- {process.role} {state}:\n{process.output()[-2000:]}")
    return "\n".join(words)
