"""Tasks that `perdure worker` runs in tests."""

from __future__ import annotations

import os

from perdure import activity, task


@task
def add(a: int, b: int) -> int:
    return a + b


@task
async def where() -> int:
    return os.getpid()


@task
def fail_once(key: str) -> int:
    if activity.info().attempt == 1:
        raise RuntimeError(f"{key} is not there yet")
    return activity.info().attempt
