"""`perdure worker` with processes for tasks: how they are used and replaced, and how a worker ends, in two ways."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.cli.stopping import ECHO_S
from perdure.tasks import configure
from tests.cluster import PERDURE, STOP_TIMEOUT_SECONDS, Cluster, Process
from tests.integration.tasks.process_chores import linger, process_of
from tests.waiting import wait_until, wait_until_blocking

CHORES = "tests.integration.tasks.process_chores"


@pytest.fixture
def address(cluster: Cluster) -> Iterator[str]:
    configure(cluster.address)
    yield cluster.address
    configure()


def start(cluster: Cluster, *options: str) -> Process:
    return cluster.start_worker(*PERDURE, "worker", CHORES, *options)


async def has_begun(path: Path) -> None:
    async def look() -> bool:
        return Path(f"{path}.begun").exists()

    await wait_until(look, what="the task to begin", timeout_seconds=60)


async def test_tasks_run_in_processes_that_are_replaced(cluster: Cluster, address: str, tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    worker = start(cluster, "--concurrency", "2", "--max-tasks-per-child", "30", "--health-check", str(alive))
    seen = [await handle for handle in await process_of.adelay_many([(number,) for number in range(300)])]
    assert [number for number, _ in seen] == list(range(300))
    ran = [pid for _, pid in seen]
    assert worker.pid not in ran
    assert json.loads(alive.read_text())["status"] == "ok"
    assert 10 <= len(set(ran)) <= 14
    assert max(ran.count(pid) for pid in set(ran)) <= 30

    path = tmp_path / "last"
    handle = await linger.adelay(str(path))
    await has_begun(path)
    worker.ask_to_stop()
    Path(f"{path}.go").touch()
    assert worker.stop() == 0
    assert await handle == str(path), "a first signal lets what runs finish"


async def test_a_second_signal_ends_a_worker_at_once_and_another_one_goes_on(
    bare_cluster: Cluster, tmp_path: Path
) -> None:
    cluster = bare_cluster
    cluster.start_engine("--visibility-timeout", "2s")
    await cluster.connect()
    configure(cluster.address)
    worker = start(cluster, "--concurrency", "1", "--grace", "1h")
    path = tmp_path / "held"
    handle = await linger.adelay(str(path))
    await has_begun(path)
    worker.ask_to_stop()
    wait_until_blocking(lambda: "A second signal" in worker.output, what="a word", timeout_seconds=STOP_TIMEOUT_SECONDS)

    def is_ended() -> bool:
        if worker.running:
            os.kill(worker.pid, signal.SIGTERM)
        return not worker.running

    wait_until_blocking(is_ended, what="the end", timeout_seconds=STOP_TIMEOUT_SECONDS + ECHO_S)
    assert worker.exit_status == 128 + signal.SIGTERM
    assert "Stopping at once" in worker.output
    Path(f"{path}.go").touch()
    start(cluster, "--concurrency", "1")
    assert await handle == str(path)
    configure()
