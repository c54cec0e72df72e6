"""`as_completed` and `wait`, in an order that is the same on every replay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

_T = TypeVar("_T")
_FutureT = TypeVar("_FutureT", bound=asyncio.Future[Any])


def as_completed(fs: Iterable[Awaitable[_T]], *, timeout: float | timedelta | None = None) -> Iterator[Awaitable[_T]]:
    """Like `asyncio.as_completed`, starting what is to be started in the order of `fs`.

    Raises (from the awaitables):
        TimeoutError: `timeout` passed before all were done.
    """
    loop = asyncio.get_running_loop()
    waiting = dict.fromkeys(asyncio.ensure_future(f) for f in fs)
    total = len(waiting)
    done: asyncio.Queue[asyncio.Future[_T] | None] = asyncio.Queue()
    timer = None

    def finished(future: asyncio.Future[_T]) -> None:
        if future in waiting:
            del waiting[future]
            done.put_nowait(future)
            if not waiting and timer is not None:
                timer.cancel()

    def expired() -> None:
        for future in waiting:
            future.remove_done_callback(finished)
            done.put_nowait(None)
        waiting.clear()

    async def next_one() -> _T:
        future = await done.get()
        if future is None:
            raise TimeoutError
        return future.result()

    for future in list(waiting):
        future.add_done_callback(finished)
    if waiting and timeout is not None:
        timer = loop.call_later(_seconds(timeout), expired)
    for _ in range(total):
        yield next_one()


async def wait(
    fs: Iterable[_FutureT],
    *,
    timeout: float | timedelta | None = None,
    return_when: str = asyncio.ALL_COMPLETED,
) -> tuple[list[_FutureT], list[_FutureT]]:
    """Like `asyncio.wait`, with lists in the order of `fs` in place of sets.

    Raises:
        ValueError: nothing to wait for.
        TypeError: a coroutine was given; make it a task first.
    """
    futures = list(dict.fromkeys(fs))
    if any(asyncio.iscoroutine(future) for future in futures):
        raise TypeError("give wait() tasks, not coroutines: asyncio.create_task(...)")
    done, _ = await asyncio.wait(
        futures, timeout=None if timeout is None else _seconds(timeout), return_when=return_when
    )
    return [f for f in futures if f in done], [f for f in futures if f not in done]


def _seconds(timeout: float | timedelta) -> float:
    return timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
