"""The broker loses its data in the middle of running workflows: all complete, and what runs is not begun again.

What must be true is audited from outside: each activity writes a line when it begins, and the long ones another when
they end. An activity that had been running for a second when the data went, on a worker that lives, begins once.

`PERDURE_TEST_LOSS_RUNS` sets the number of workflows of the first test; 5,000 is the promise.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import redis

from perdure.client import WorkflowHandle
from perdure_engine.embedded.valkey import EmbeddedValkey
from tests.cluster import Cluster, Process
from tests.fault.audit import recorded_activities
from tests.fault.gate import Gate
from tests.fault.journal import Journal, Line
from tests.fault.workload import LASTED, TASK_QUEUE, LastingRun
from tests.fix_redis import PrivateRedis
from tests.waiting import wait_until

RUNS = int(os.environ.get("PERDURE_TEST_LOSS_RUNS", "400"))
FEW_RUNS = 60
SLOTS = 4_000
LEASE_SECONDS = 5
"""Also how long workers have to announce what they run."""

WORN_IN_SECONDS = 1.0
"""What has been running for so long when the data goes must not begin again."""

START_SECONDS = 180
FINISH_SECONDS = 180
HISTORIES_READ = 60


class LastingLoad:
    """Workflows whose long step ends when the test says so, on a cluster of the test's own."""

    def __init__(self, cluster: Cluster, valkey: EmbeddedValkey, directory: Path) -> None:
        self.cluster = cluster
        self.journal = Journal(directory / "journal.jsonl")
        self.gate = Gate(directory / "gate")
        self.engines: list[Process] = []
        self.workers: list[Process] = []
        self.handles: list[WorkflowHandle[Any, str]] = []
        self._valkey = valkey
        self._lost_at = 0.0

    # Acts ------------------------------------------------------------------------------------------------------------
    async def open(self) -> None:
        """Two engines that answer, and two workers."""
        self.engines = [self.cluster.start_engine("--visibility-timeout", f"{LEASE_SECONDS}s") for _ in range(2)]
        self._client = await self.cluster.connect()
        environment = {**self.journal.environment, **self.gate.environment}
        arguments = ("-m", "tests.fault.load_worker", str(SLOTS))
        self.workers = [self.cluster.start_worker(*arguments, environment=environment) for _ in range(2)]

    async def start(self, runs: int) -> None:
        """Start workflows, and wait until each has been in its long step for more than a second."""
        client = self._client

        async def start_one(number: int) -> None:
            handle = await client.start_workflow(
                LastingRun.run, f"question {number}", id=f"lasting-{number}", task_queue=TASK_QUEUE
            )
            self.handles.append(handle)

        await asyncio.gather(*(start_one(number) for number in range(runs)))

        async def all_worn_in() -> bool:
            worn_in = time.time() - 1.2 * WORN_IN_SECONDS
            return sum(line.step == "last" and line.at < worn_in for line in self.journal.lines()) >= runs

        await wait_until(all_worn_in, what="every long step running", timeout_seconds=START_SECONDS, every_seconds=0.3)

    def lose_everything(self) -> None:
        with redis.Redis.from_url(self._valkey.url) as server:
            server.flushall()
        self._lost_at = time.time()

    def keep_a_copy(self) -> None:
        """What the server has now is what it will have after `go_back`."""
        with redis.Redis.from_url(self._valkey.url) as server:
            server.save()

    def go_back(self) -> None:
        """Lose what happened since the copy, as in a failover to a replica that lags."""
        self._valkey.kill()
        self._valkey.start()
        self._lost_at = time.time()

    # What must be true -----------------------------------------------------------------------------------------------
    def lines(self, step: str) -> dict[str, list[Line]]:
        """The lines of a step by workflow, in order of time."""
        return {run: lines for (run, name), lines in self.journal.by_step().items() if name == step}

    async def finish_after(self, seconds: float) -> None:
        """Let the long steps end `seconds` after the loss, and wait for the results."""

        async def is_time() -> bool:
            return time.time() >= self._lost_at + seconds

        await wait_until(is_time, what="the end of the long steps", timeout_seconds=seconds + 10)
        self.gate.open()
        async with asyncio.timeout(FINISH_SECONDS):
            results = await asyncio.gather(*(handle.result() for handle in self.handles))
        numbers = [handle.id.rpartition("-")[2] for handle in self.handles]
        assert list(results) == [f"context of question {number}" for number in numbers]

    async def audit(self, *, dead: int = 0) -> None:
        """Every long step was running on a living worker when the data went, and was begun once, unless its worker is
        `dead` by now: then its next attempt was the only other one. Nothing was recorded twice."""
        begun = self.lines("last")
        wrong = []
        spared = 0
        for lines in begun.values():
            assert lines[0].at <= self._lost_at - WORN_IN_SECONDS
            if lines[0].pid == dead:
                attempts = [line.attempt for line in lines]
                if attempts != [1, 2]:
                    wrong.append(lines)
            else:
                spared += 1
                if len(lines) > 1:
                    wrong.append(lines)
        print(f"\n{len(begun)} workflows were in their long step; {spared} of them on workers that live")
        assert not wrong, f"{len(wrong)} activities were begun again, the first: {wrong[:3]}"
        assert len(begun) == len(self.handles)
        assert len(self.lines(LASTED)) == len(self.handles)
        for handle in self.handles[:: max(1, len(self.handles) // HISTORIES_READ)]:
            assert [found.completions for found in await recorded_activities(handle)] == [1, 1, 1]

    async def wait_nothing_left(self) -> None:
        """The broker holds no entry, no claim, and no announcement."""

        async def is_empty() -> bool:
            return await asyncio.to_thread(self._leftovers) == []

        await wait_until(is_empty, what="a broker without leftovers", timeout_seconds=60, every_seconds=0.5)

    def _leftovers(self) -> list[str]:
        with redis.Redis.from_url(self._valkey.url, decode_responses=True) as server:
            keys = list(server.scan_iter(count=1_000))
            streams = [key for key in keys if ":stream:" in key and server.xlen(key)]
        return [*streams, *(key for key in keys if ":ids:" in key or ":announced:" in key)]


@pytest.fixture
def settings() -> dict[str, str]:
    return {}


@pytest.fixture
async def load(
    tmp_path: Path, database_dsn: str, private_redis: PrivateRedis, settings: dict[str, str]
) -> AsyncIterator[LastingLoad]:
    valkey = private_redis(**settings)
    cluster = Cluster(tmp_path, database_dsn, valkey.url)
    cluster.migrate()
    try:
        load = LastingLoad(cluster, valkey, tmp_path)
        await load.open()
        yield load
        print(cluster.logs())  # shown when the test has failed
    finally:
        await cluster.close()


async def test_flushall_in_the_middle_of_running_workflows(load: LastingLoad) -> None:
    await load.start(RUNS)
    load.lose_everything()
    await load.finish_after(LEASE_SECONDS + 2)
    await load.audit()
    await load.wait_nothing_left()


@pytest.mark.parametrize("settings", [{"appendonly": "no"}])
async def test_a_server_with_old_data_while_a_worker_and_an_engine_die(load: LastingLoad) -> None:
    """The server knows nothing of what was handed out since its copy was made. The engine that takes over within the
    grace period waits too; the dead worker's steps are begun anew."""
    engine, worker = load.engines[0], load.workers[0]
    load.keep_a_copy()
    await load.start(FEW_RUNS)
    load.go_back()
    worker.kill()

    async def is_noticed() -> bool:
        return "broker's data is not what it was" in engine.output

    await wait_until(is_noticed, what="an engine that has noticed the loss")
    engine.kill()
    await load.finish_after(LEASE_SECONDS + 2)
    await load.audit(dead=worker.pid)
    await load.wait_nothing_left()
