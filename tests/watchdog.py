"""No test hangs unseen: one that takes too long tells where it stands, and ends its process.

Of several processes the others go on: xdist names the test that ended one, and starts another.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import threading
from collections.abc import Generator, Iterator
from typing import Any, TextIO

import pytest

LIMIT_S = 600.0
"""Ten times what the longest tests take, some of which wait for all processors; on a busy machine they are slow."""

_STDERR = pytest.StashKey[TextIO]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_STDERR] = os.fdopen(os.dup(2), "w")  # while a test runs, what is written to 2 is captured


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_STDERR].close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    timer = threading.Timer(LIMIT_S, end_process, (item.nodeid, item.config.stash[_STDERR]))
    timer.daemon = True
    timer.start()
    try:
        return (yield)
    finally:
        timer.cancel()


def end_process(test: str, stderr: TextIO) -> None:
    """Tell where every thread and every task stands, and end."""
    stderr.write(f"\n{test} takes longer than {LIMIT_S:g} s\n")
    stderr.flush()
    faulthandler.dump_traceback(stderr, all_threads=True)
    for task in [found for found in gc.get_objects() if isinstance(found, asyncio.Task) and not found.done()]:
        stderr.write(f"Task {task.get_name()}\n")
        stderr.writelines(f"  {line}\n" for line in _stack(task.get_coro()))
    stderr.flush()
    os._exit(1)


def _stack(awaitable: Any) -> Iterator[str]:
    """Where a coroutine waits, outermost first; at last what it waits for."""
    while frame := getattr(awaitable, "cr_frame", None) or getattr(awaitable, "gi_frame", None):
        yield f'File "{frame.f_code.co_filename}", line {frame.f_lineno}, in {frame.f_code.co_name}'
        awaitable = getattr(awaitable, "cr_await", None) or getattr(awaitable, "gi_yieldfrom", None)
    yield repr(awaitable)
