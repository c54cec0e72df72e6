"""How many processes a worker has for `def` code, how they are made, and when one is replaced."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import BaseContext
from typing import Any


class ProcessPool:
    """What `Worker(task_pool=...)` takes. It holds nothing: the processes are the worker's own, made when they are
    needed, and replaced when they die."""

    def __init__(
        self,
        processes: int | None = None,
        *,
        max_tasks_per_child: int | None = None,
        max_memory_per_child: int | None = None,
        mp_context: BaseContext | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
    ) -> None:
        """
        Args:
            processes: How many at the most; by default one for each processor that this process may use.
            max_tasks_per_child: A process that ran so many is replaced.
            max_memory_per_child: A process is replaced that uses more bytes of resident memory than this when a task
                is over. A task that takes more is not interrupted.
            mp_context: How processes are made; by default as `multiprocessing` does.
            initializer, initargs: Called in each of them before its first task.

        Raises:
            ValueError: a number below 1.
        """
        for name, number in (
            ("processes", processes),
            ("max_tasks_per_child", max_tasks_per_child),
            ("max_memory_per_child", max_memory_per_child),
        ):
            if number is not None and number < 1:
                raise ValueError(f"{name} is {number}; it must be at least 1")
        self.size = processes or processors()
        self.calls_max = max_tasks_per_child
        self.memory_max = max_memory_per_child
        self.context: Any = mp_context or multiprocessing.get_context()
        self.initializer = initializer
        self.initargs = tuple(initargs)

    @staticmethod
    def like(executor: ProcessPoolExecutor) -> ProcessPool:
        """A pool that is made as this executor would be. Where it keeps that has not changed since it exists."""
        return ProcessPool(
            executor._max_workers,  # type: ignore[attr-defined]  # no public way to ask
            max_tasks_per_child=executor._max_tasks_per_child,  # type: ignore[attr-defined]  # as above
            mp_context=executor._mp_context,
            initializer=executor._initializer,
            initargs=executor._initargs,
        )


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
