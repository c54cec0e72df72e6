"""What a workflow may ask and do: time, waiting, its own description, its handlers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from perdure.common import UNSET
from perdure.converter import PayloadConverter
from perdure.workflow.information import Info
from perdure.workflow.runtime import current, current_or_none


def in_workflow() -> bool:
    """Whether this code runs inside a workflow."""
    return current_or_none() is not None


def info() -> Info:
    """What the workflow knows about itself."""
    return current().info()


def instance() -> Any:
    """The object of the workflow's class (None for a workflow that is a function)."""
    return current().instance


def now() -> datetime:
    """The workflow's time, in UTC: that of the current workflow task, the same on every replay."""
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=current().now_us)


def time() -> float:
    """The workflow's time in seconds since 1970."""
    return current().now_us / 1_000_000


def time_ns() -> int:
    """The workflow's time in nanoseconds since 1970."""
    return current().now_us * 1_000


async def sleep(duration: float | timedelta, *, summary: str | None = None) -> None:
    """Wait, for seconds or a timedelta, through restarts of whatever may restart.

    Args:
        duration: How long. Zero lets other tasks of the workflow run.
        summary: One line about it, for those who look at the history.
    """
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    if seconds <= 0:
        await asyncio.sleep(0)
        return
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    timer = current().start_timer(seconds, _wake, (future,), None, summary or "")
    try:
        await future
    finally:
        timer.cancel()


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def wait_condition(
    fn: Callable[[], bool], *, timeout: timedelta | float | None = None, timeout_summary: str | None = None
) -> None:
    """Wait until `fn()` is true. It is looked at whenever something has happened in the workflow.

    Args:
        fn: Must not change anything, and must not wait.
        timeout: Seconds or a timedelta, kept as a durable timer.
        timeout_summary: One line about that timer.

    Raises:
        TimeoutError: `timeout` passed.
    """
    runtime = current()
    if fn():
        return
    future = runtime.wait_for_condition(fn)
    if timeout is None:
        await future
        return
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if seconds <= 0:
        raise TimeoutError
    timer = runtime.start_timer(seconds, _expire, (future,), None, timeout_summary or "")
    try:
        await future
    finally:
        timer.cancel()


def _expire(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_exception(TimeoutError())


def cancellation_reason() -> str | None:
    """Why the workflow was asked to stop; None if it was not."""
    return current().cancellation_reason


def is_failure_exception(err: BaseException) -> bool:
    """Whether this exception would fail the workflow (others fail the workflow task, which is tried again)."""
    return current().is_failure_exception(err)


def memo() -> Mapping[str, Any]:
    """The notes given at the start, converted without type hints."""
    runtime = current()
    return {name: runtime.payload_converter.from_payload(payload) for name, payload in runtime.memo().items()}


def memo_value(key: str, default: Any = UNSET, *, type_hint: type | None = None) -> Any:
    """One of the notes given at the start.

    Raises:
        KeyError: there is none of this name, and no default.
    """
    runtime = current()
    payload = runtime.memo().get(key)
    if payload is not None:
        return runtime.payload_converter.from_payload(payload, type_hint)
    if default is UNSET:
        raise KeyError(f"the memo has no {key!r}")
    return default


def payload_converter() -> PayloadConverter:
    """The converter of this workflow's payloads, for handlers that take raw values."""
    return current().payload_converter
