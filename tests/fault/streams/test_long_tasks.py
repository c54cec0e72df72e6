"""Work that takes longer than a lease: three workflows, side by side, with a second worker that waits to take over.

They run once for the module, since each of them takes several leases.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from perdure_engine.embedded.valkey import EmbeddedValkey
from tests.fault.journal import ENVIRONMENT, Journal, Line
from tests.fault.streams.scene import scene
from tests.fault.streams.workload import (
    ETA_SECONDS,
    LEASE_SECONDS,
    LONG_SECONDS,
    TASK_QUEUE,
    BlockedOne,
    Later,
    SlowOnes,
)

BLOCKING_QUEUE = "blocking"
SLOW_ONES = 3
"""Several, so that one renewal is for more than one entry."""

NEIGHBOURS = 20
"""Activities beside the one that blocks; some come to its worker while it is blocked, and must not run twice either."""


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[Line]:
    """What activities did, once all workflows have completed."""
    directory = tmp_path_factory.mktemp("long-tasks")
    server = EmbeddedValkey(directory / "valkey")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENVIRONMENT, str(directory / "journal.jsonl"))
        asyncio.run(_run_all(server.start(), directory))
    server.stop()
    return Journal(directory / "journal.jsonl").lines()


async def _run_all(address: str, directory: Path) -> None:
    async with scene(address, directory) as on:
        for _ in range(2):
            on.worker_process()
            on.worker_process(task_queue=BLOCKING_QUEUE)

        execute = on.client.execute_workflow
        async with asyncio.timeout(60):
            results = await asyncio.gather(
                execute(SlowOnes.run, args=[SLOW_ONES, LONG_SECONDS], id="long", task_queue=TASK_QUEUE),
                execute(BlockedOne.run, args=[LONG_SECONDS, NEIGHBOURS], id="blocked", task_queue=BLOCKING_QUEUE),
                execute(Later.run, ETA_SECONDS, id="later", task_queue=TASK_QUEUE),
            )
        assert list(results) == [SLOW_ONES, NEIGHBOURS, 3]
        await on.wait_empty()


def _of(lines: list[Line], run: str) -> list[Line]:
    return [line for line in lines if line.run == run]


def test_fixed_idle_timeout_reruns_long_tasks(lines: list[Line]) -> None:
    """taskiq-redis#101, mastra#23648: whatever ran for longer than a fixed idle time was given to another worker.

    The idle time of an entry is a lease, which its worker renews for as long as the activity runs."""
    assert LONG_SECONDS >= 5 * LEASE_SECONDS
    assert [(line.step, line.attempt) for line in _of(lines, "long")] == [("slow", 1)] * SLOW_ONES


def test_blocked_event_loop_loses_the_lock(lines: list[Line]) -> None:
    """BullMQ#3183: user code that kept the event loop cost the lock of its job, which then ran twice.

    Leases are renewed by a thread and a connection of their own: no user code has to yield for it."""
    happened = sorted((line.step, line.attempt) for line in _of(lines, "blocked"))
    assert happened == [("block_the_loop", 1)] + [("work", 1)] * NEIGHBOURS


def test_task_beyond_the_visibility_timeout_runs_again_and_again(lines: list[Line]) -> None:
    """kombu#337, celery#3270: a task with an ETA beyond the visibility timeout was delivered again and again.

    What is to happen later is a timer in the store; no entry exists, and no lease runs, before it is due."""
    assert ETA_SECONDS > 2 * LEASE_SECONDS
    happened = sorted((line.step, line.attempt) for line in _of(lines, "later"))
    assert happened == [("fail_first", 1), ("fail_first", 2), ("work", 1)]
    first, second = [line.at for line in _of(lines, "later") if line.step == "fail_first"]
    assert second - first >= ETA_SECONDS
