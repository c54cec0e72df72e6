"""Tasks for tests, sync and async, and a cluster with a worker for them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from perdure import task
from perdure.client import Client
from perdure.tasks import using
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


@task(at_most_once=True)
def drop(what: str) -> None:
    raise ValueError(f"{what} is broken")


@contextlib.asynccontextmanager
async def household() -> AsyncIterator[Client]:
    async with memory_cluster() as client, Worker(client, task_queue="default", activities=[add, carry, drop]):
        with using(client):
            yield client
