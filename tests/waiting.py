"""Waiting for a condition with a deadline: the one place of the tests that lets time pass."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

POLL_INTERVAL_SECONDS = 0.02
"""Short against what is waited for (seconds), long against one look (microseconds)."""


async def wait_until(
    look: Callable[[], Awaitable[T | None]],
    *,
    what: str,
    timeout_seconds: float = 30,
    every_seconds: float = POLL_INTERVAL_SECONDS,
) -> T:
    """Look until the answer is truthy, and return it.

    Raises:
        AssertionError: it did not happen in time; the text says what, and what was seen last.
    """
    deadline = time.monotonic() + timeout_seconds
    never = asyncio.Event()
    while True:
        seen = await look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_seconds:g} s: {what}; last seen: {seen!r}")
        try:
            await asyncio.wait_for(never.wait(), every_seconds)
        except TimeoutError:
            continue


def wait_until_blocking(look: Callable[[], T | None], *, what: str, timeout_seconds: float = 30) -> T:
    """`wait_until` for code that has no event loop."""
    deadline = time.monotonic() + timeout_seconds
    never = threading.Event()
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_seconds:g} s: {what}; last seen: {seen!r}")
        never.wait(POLL_INTERVAL_SECONDS)
