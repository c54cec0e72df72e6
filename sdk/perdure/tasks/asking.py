"""Asking the cluster from anywhere: a coroutine awaits the answer, other code waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from perdure.client import Client
from perdure.tasks.background import background
from perdure.tasks.surroundings import is_on_a_loop, surrounding_client

T = TypeVar("T")

Work = Callable[[Client], Awaitable[T]]
"""What is to be done with a client."""


async def ask(work: Work[T]) -> T:
    """Have it done by the client of this event loop, if the caller is in a block `using` one; else by that of the
    process."""
    client = surrounding_client()
    if client is not None:
        return await work(client)
    return await asyncio.wrap_future(background().call(work))


def wait(work: Work[T], timeout_s: float | None = None, *, instead: str) -> T:
    """Have it done by the client of the process, and wait.

    Raises:
        RuntimeError: an event loop runs in this thread, which would stand still; `instead` says what to write there.
        TimeoutError: not within `timeout_s`; what was begun goes on.
    """
    if is_on_a_loop():
        raise RuntimeError(
            f"this waits for the cluster, and would hold up the event loop of this thread; use {instead}"
        )
    future = background().call(work)
    try:
        return future.result(timeout_s)
    except TimeoutError:
        future.cancel()
        raise
