"""Where a worker of the command line runs tasks that are `def` functions."""

from __future__ import annotations

import click
import pytest

from perdure import activity, task
from perdure.cli.worker_pool import WorkerPool, size, worker_pool


@task
def compute() -> None: ...


@task
async def ask() -> None: ...


@activity.defn
def read() -> None: ...


def test_processes_are_for_tasks_that_are_no_coroutines() -> None:
    places = worker_pool([ask, compute, read], "processes", 3, 100, 1_000_000)
    assert places.threads is None
    assert places.processes is not None
    pool = places.processes
    assert (pool.size, pool.calls_max, pool.memory_max) == (3, 100, 1_000_000)
    assert pool.context.get_start_method() == "forkserver"
    assert worker_pool([ask, read], "processes", None, None, None) == WorkerPool(None, None)


def test_threads_may_be_asked_for() -> None:
    places = worker_pool([compute], "threads", 3, None, None)
    assert places.processes is None
    assert places.threads is not None
    assert places.threads._max_workers == 3
    assert worker_pool([compute], "threads", None, None, None) == WorkerPool(None, None)


@pytest.mark.parametrize(("tasks", "memory"), [(1, None), (None, 1)])
def test_threads_are_not_replaced(tasks: int | None, memory: int | None) -> None:
    with pytest.raises(click.UsageError, match="is for processes; leave it out, or leave out --pool threads"):
        worker_pool([compute], "threads", None, tasks, memory)


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [("300MB", 300_000_000), ("1.5 gb", 1_500_000_000), ("512MiB", 512 << 20), ("8KiB", 8192), ("1KB", 1000)],
)
def test_sizes(text: str, bytes_: int) -> None:
    assert size(text) == bytes_


@pytest.mark.parametrize("text", ["", "300", "MB", "-1MB", "3TB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write it with its unit: 300MB"):
        size(text)
