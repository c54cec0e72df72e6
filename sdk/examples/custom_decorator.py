"""A decorator of your own: an activity that heartbeats by itself, so that its author need not think of it.

Perdure notices a lost worker by its lease, heartbeats or none; what a heartbeat adds is a limit to the silence of code
that hangs while its worker lives.

    perdure dev                                # in one terminal
    python sdk/examples/custom_decorator.py    # in another
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import wraps
from typing import ParamSpec, TypeVar

from perdure import activity, workflow
from perdure.client import Client
from perdure.worker import Worker

TASK_QUEUE = "slow-work"
P = ParamSpec("P")
R = TypeVar("R")


def auto_heartbeat(function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Heartbeat three times in each heartbeat timeout, for as long as the activity runs."""

    @wraps(function)
    async def beating(*args: P.args, **kwargs: P.kwargs) -> R:
        timeout = activity.info().heartbeat_timeout
        if timeout is None:
            return await function(*args, **kwargs)
        task = asyncio.create_task(_beat(timeout.total_seconds() / 3))
        try:
            return await function(*args, **kwargs)
        finally:
            task.cancel()

    return beating


async def _beat(every_seconds: float) -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(every_seconds)


@activity.defn
@auto_heartbeat
async def render(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return f"attempt {activity.info().attempt} took {seconds} s"


@workflow.defn
class Film:
    @workflow.run
    async def run(self, seconds: float) -> str:
        return await workflow.execute_activity(
            render,
            seconds,
            start_to_close_timeout=timedelta(minutes=5),
            heartbeat_timeout=timedelta(seconds=0.6),
        )


async def main() -> None:
    client = await Client.connect()
    async with client, Worker(client, task_queue=TASK_QUEUE, workflows=[Film], activities=[render]):
        print(await client.execute_workflow(Film.run, 1.5, id=f"film-{uuid.uuid4()}", task_queue=TASK_QUEUE))


if __name__ == "__main__":
    asyncio.run(main())
