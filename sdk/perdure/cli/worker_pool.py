"""Where `perdure worker` runs tasks that are `def` functions, and the options that say so."""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import click

from perdure.activity.definition import ActivityDefinition
from perdure.worker import ProcessPool
from perdure.worker.process_pool import processors

F = TypeVar("F", bound=Callable[..., Any])

PROCESSES, THREADS = "processes", "threads"

_UNITS = {"KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}

_PRELOADED = ("perdure.cli.worker", "perdure.worker.process_server")
"""What every process needs. The user's module is not among it: what it opens when it is imported must not be copied."""


class WorkerPool(NamedTuple):
    """What the options make of it: at most one of the two."""

    processes: ProcessPool | None
    threads: ThreadPoolExecutor | None


def pool_options(command: F) -> F:
    """The options of `worker_pool`."""
    options = (
        click.option(
            "--pool",
            type=click.Choice((PROCESSES, THREADS)),
            default=PROCESSES,
            show_default=True,
            help="Where tasks run that are `def` functions. Those that are `async def` need neither.",
        ),
        click.option(
            "-c",
            "--concurrency",
            type=click.IntRange(min=1),
            help="How many of these at once; by default as many processes as there are processors, or 100 threads.",
        ),
        click.option(
            "--max-tasks-per-child", type=click.IntRange(min=1), help="Replace a process that has run so many tasks."
        ),
        click.option(
            "--max-memory-per-child",
            type=size,
            metavar="SIZE",
            help="Replace a process that has more memory than this when a task is over: 300MB, 1GiB.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def worker_pool(
    activities: Iterable[Any], pool: str, concurrency: int | None, tasks_max: int | None, memory_max: int | None
) -> WorkerPool:
    """The pool for what a module defines. Processes are for tasks; other `def` activities stay in threads.

    Raises:
        click.UsageError: the options contradict each other.
    """
    if pool == THREADS:
        for name, given in (("--max-tasks-per-child", tasks_max), ("--max-memory-per-child", memory_max)):
            if given is not None:
                raise click.UsageError(f"{name} is for processes; leave it out, or leave out --pool {THREADS}")
        return WorkerPool(None, ThreadPoolExecutor(concurrency, "perdure-activity") if concurrency else None)
    if not any(_is_sync_task(activity) for activity in activities):
        return WorkerPool(None, None)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))
    processes = ProcessPool(
        concurrency or processors(),
        max_tasks_per_child=tasks_max,
        max_memory_per_child=memory_max,
        mp_context=context,
    )
    return WorkerPool(processes, None)


def _is_sync_task(activity: Any) -> bool:
    definition = ActivityDefinition.of(activity)
    return definition is not None and definition.is_task and not definition.is_async


def size(text: str) -> int:
    """Bytes, as users type them.

    Raises:
        click.BadParameter: it is no size.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]i?B)", text.strip(), re.IGNORECASE)
    if found is None:
        raise click.BadParameter(f"{text[:40]!r} is no size; write it with its unit: 300MB, 1.5GB, 512MiB")
    return int(float(found[1]) * _UNITS[found[2].upper()])
