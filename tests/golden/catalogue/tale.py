"""One run of the catalogue: which workflow, with what, and what happens to it meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from perdure import activity
from perdure.client import WorkflowHandle
from perdure.common import RetryPolicy
from perdure.exceptions import ApplicationError
from perdure.testing import WorkflowEnvironment
from tests.waiting import wait_until

SHORT = timedelta(seconds=30)
ONCE = RetryPolicy(maximum_attempts=1)

Drive = Callable[[WorkflowEnvironment, WorkflowHandle[Any, Any]], Awaitable[None]]


class Tale(NamedTuple):
    """`name` is that of its file, and its workflow id. `drive` is what happens from outside once it was started; a
    workflow `beside` it was started before, with `-other` behind the id."""

    name: str
    workflow: Any
    arguments: Sequence[Any] = ()
    drive: Drive | None = None
    options: Mapping[str, Any] = {}
    beside: Any = None


def signals(*given: tuple[str, Any]) -> Drive:
    """Send these signals, one after the other."""

    async def drive(env: WorkflowEnvironment, handle: WorkflowHandle[Any, Any]) -> None:
        for name, argument in given:
            await handle.signal(name, argument)

    return drive


async def wait_events(handle: WorkflowHandle[Any, Any], count: int) -> None:
    """Wait until the history has so many events."""

    async def look() -> bool:
        return len((await handle.fetch_history()).events) >= count

    await wait_until(look, what=f"{count} events of {handle.id}")


async def wait_begun(handle: WorkflowHandle[Any, Any]) -> None:
    """Wait until the first workflow task is completed, and has asked for something."""
    await wait_events(handle, 5)


async def cancel(env: WorkflowEnvironment, handle: WorkflowHandle[Any, Any]) -> None:
    """Ask the workflow to stop, when it has begun."""
    await wait_begun(handle)
    await handle.cancel(reason="the catalogue asks")


@activity.defn
async def step(name: str) -> str:
    return name.upper()


@activity.defn
async def double(number: int) -> int:
    return number * 2


@activity.defn
async def unsure(fails: int) -> int:
    """Fails so many times."""
    attempt = activity.info().attempt
    if attempt <= fails:
        raise ApplicationError(f"attempt {attempt}", type="Unsure")
    return attempt


@activity.defn
async def broken(kind: str) -> None:
    raise ApplicationError("never", type=kind, non_retryable=True)


ACTIVITIES = (step, double, unsure, broken)
