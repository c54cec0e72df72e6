"""No test hangs unseen: one that takes too long tells where it stands, and fails."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import signal
from collections.abc import Generator, Iterator
from types import FrameType
from typing import Any, TextIO

import pytest

LIMIT_S = 600.0
"""Ten times what the longest tests take, some of which wait for all processors; on a busy machine they are slow."""

AGAIN_S = 60.0
"""What is torn down after it must not hang either."""

_STDERR = pytest.StashKey[TextIO]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_STDERR] = os.fdopen(os.dup(2), "w")  # while a test runs, what is written to 2 is captured


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_STDERR].close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    def too_long(_number: int, _frame: FrameType | None) -> None:
        message = f"{item.nodeid} takes longer than {LIMIT_S:g} s"
        _tell(message, item.config.stash[_STDERR])
        pytest.fail(message)

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S, AGAIN_S)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _tell(message: str, stderr: TextIO) -> None:
    """Where every thread and every task stands."""
    stderr.write(f"\n{message}\n")
    stderr.flush()
    faulthandler.dump_traceback(stderr, all_threads=True)
    for task in [found for found in gc.get_objects() if isinstance(found, asyncio.Task) and not found.done()]:
        stderr.write(f"Task {task.get_name()}\n")
        stderr.writelines(f"  {line}\n" for line in _stack(task.get_coro()))
    stderr.flush()


def _stack(awaitable: Any) -> Iterator[str]:
    """Where a coroutine waits, outermost first; at last what it waits for."""
    while frame := getattr(awaitable, "cr_frame", None) or getattr(awaitable, "gi_frame", None):
        yield f'File "{frame.f_code.co_filename}", line {frame.f_lineno}, in {frame.f_code.co_name}'
        awaitable = getattr(awaitable, "cr_await", None) or getattr(awaitable, "gi_yieldfrom", None)
    yield repr(awaitable)
