"""Tasks for tests, sync and async, and a cluster with a worker for them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from perdure import activity, task
from perdure.client import Client
from perdure.tasks import Retry, Task, using
from perdure.worker import Worker
from tests.memory_cluster import memory_cluster


@dataclass
class Parcel:
    weight: int


@task
def add(a: int, b: int = 5) -> int:
    return a + b


@task(queue="default", name="carry it")
async def carry(parcel: Parcel, *others: Parcel) -> Parcel:
    """Carry parcels."""
    return Parcel(parcel.weight + sum(other.weight for other in others))


@task
def wrap(parcel: Parcel, *, paper: Parcel, ribbon: str = "red") -> str:
    return f"{parcel.weight + paper.weight} in {ribbon}"


@task(at_most_once=True)
def drop(what: str) -> None:
    raise ValueError(f"{what} is broken")


@task
async def ask_again() -> int:
    if activity.info().attempt == 1:
        raise Retry(0.05, "busy")
    return activity.info().attempt


@task(soft_time_limit=0.15, at_most_once=True)
async def dawdle() -> str:
    activity.heartbeat("a third")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return "stopped in time"
    return "never"


@task(soft_time_limit=0.15, time_limit=60, at_most_once=True)
def dream() -> None:
    threading.Event().wait(0.5)
    for _ in range(100):
        activity.is_cancelled()


@task
async def count_up() -> str:
    never = asyncio.Event()
    for number in range(60):
        activity.heartbeat(number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(never.wait(), 0.05)
    return activity.info().activity_id


TASKS: list[Task[..., Any]] = [add, carry, wrap, drop, ask_again, dawdle, dream, count_up]


@contextlib.asynccontextmanager
async def household(*more: Task[..., Any]) -> AsyncIterator[Client]:
    async with memory_cluster() as client, Worker(client, task_queue="default", activities=[*TASKS, *more]):
        with using(client):
            yield client
