"""Tasks that `perdure worker` runs in tests."""

from __future__ import annotations

import os
from pathlib import Path

from perdure import activity, task
from tests.waiting import wait_until


@task
def add(a: int, b: int) -> int:
    return a + b


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@task
async def write_down(path: str, what: str) -> str:
    """Says once in a file that it began, and ends when that file says that it may."""
    with Path(path).open("a") as file:  # noqa: ASYNC230  # a line
        file.write(f"{what}\n")
    return path


@task
async def wait_for(path: str) -> str:
    async def may_go() -> bool:
        return Path(f"{path}.go").exists()

    await wait_until(may_go, what="another process says so")
    return path


@task
async def where() -> int:
    return os.getpid()


@task
def fail_once(key: str) -> int:
    if activity.info().attempt == 1:
        raise RuntimeError(f"{key} is not there yet")
    return activity.info().attempt
