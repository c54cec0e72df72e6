"""What a process holds when it should be at rest: tasks, threads, open files, memory.

Role: a thread of each engine and worker waits at a named pipe; opening the pipe asks, and the answer is a file beside
it. Nothing of this is in the product.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import threading
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from perdure.execution.event_loop import WorkflowEventLoop


@dataclass(frozen=True)
class Census:
    """Attributes:
    tasks: those that are not done, by what they wait in, outermost coroutine first.
    instances: workflow instances in memory, each with an event loop of its own and whatever tasks its code has.
    """

    tasks: dict[str, int]
    instances: int
    threads: int
    files: int


def pipe_of(clock: Path) -> Path:
    return clock.with_suffix(".census")


def answer_of(clock: Path) -> Path:
    return clock.with_suffix(".json")


def answer_census(clock: Path) -> None:
    """Answer for ever; in a daemon thread."""
    pipe, answer = pipe_of(clock), answer_of(clock)
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    while True:
        pipe.read_bytes()  # until somebody has opened it for writing and closed it again
        fresh = answer.with_suffix(".fresh")
        fresh.write_text(json.dumps(asdict(take_census())))
        fresh.rename(answer)


def take_census() -> Census:
    gc.collect()  # workers look for cycles rarely; what nobody can reach is not held
    tasks: Counter[str] = Counter()
    instances: dict[int, int] = {}
    for thing in gc.get_objects():
        if isinstance(thing, asyncio.Task) and not thing.done():
            loop = thing.get_loop()
            if isinstance(loop, WorkflowEventLoop):
                instances[id(loop)] = 1
            else:
                tasks[_whereabouts(thing.get_coro())] += 1
    return Census(dict(tasks), len(instances), threading.active_count(), len(os.listdir("/proc/self/fd")))


def _whereabouts(awaited: Any) -> str:
    """The coroutines that wait for each other, from the one of a task to the one that waits for something else."""
    names = []
    while awaited is not None and hasattr(awaited, "cr_await"):
        names.append(awaited.__qualname__)
        awaited = awaited.cr_await
    return " > ".join(names) or "?"


def ask_census(clock: Path) -> None:
    """Ask the process of this clock; `read_census` has the answer soon.

    Raises:
        OSError: it does not listen.
    """
    answer_of(clock).unlink(missing_ok=True)
    os.close(os.open(pipe_of(clock), os.O_WRONLY | os.O_NONBLOCK))


def read_census(clock: Path) -> Census | None:
    path = answer_of(clock)
    return Census(**json.loads(path.read_text())) if path.exists() else None
