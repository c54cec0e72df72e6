"""Waiting for something outside that does not call back, in three ways.

Frequently (every few seconds or more often): a loop inside of one activity, which heartbeats, so that a lost worker is
noticed. Infrequently (each minute or less often): the activity fails each time, and its retry policy is the interval;
nothing runs in between, and the history does not grow. Periodically, with work between the looks: a child workflow that
looks a few times and continues as new, so that no history grows without end.

    perdure dev                               # in another terminal
    python sdk/examples/polling.py
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from datetime import timedelta

from perdure import activity, workflow
from perdure.client import Client
from perdure.common import RetryPolicy
from perdure.exceptions import ApplicationError, ApplicationErrorCategory
from perdure.worker import Worker

TASK_QUEUE = "polling"
LOOKS_NEEDED = 5
LOOKS_A_RUN = 2

_looks: dict[str, int] = {}


def is_ready(order: str) -> bool:
    """Stands for the service that is asked."""
    _looks[order] = _looks.get(order, 0) + 1
    return _looks[order] >= LOOKS_NEEDED


@activity.defn
async def look_until_ready(order: str) -> str:
    while not is_ready(order):
        activity.heartbeat()
        await asyncio.sleep(0.05)
    return f"{order} is ready"


@activity.defn
async def look_once(order: str) -> str:
    if not is_ready(order):
        # "Benign": not worth a warning in the log of the worker.
        raise ApplicationError(f"{order} is not ready", category=ApplicationErrorCategory.BENIGN)
    return f"{order} is ready"


@activity.defn
async def look(order: str) -> bool:
    return is_ready(order)


@workflow.defn
class Frequent:
    @workflow.run
    async def run(self, order: str) -> str:
        return await workflow.execute_activity(
            look_until_ready, order, start_to_close_timeout=timedelta(hours=1), heartbeat_timeout=timedelta(seconds=5)
        )


@workflow.defn
class Infrequent:
    @workflow.run
    async def run(self, order: str) -> str:
        # In earnest: a minute and more.
        interval = RetryPolicy(initial_interval=timedelta(milliseconds=200), backoff_coefficient=1)
        return await workflow.execute_activity(
            look_once, order, start_to_close_timeout=timedelta(seconds=5), retry_policy=interval
        )


@workflow.defn
class Looks:
    """The child: its parent sees one child, in however many runs."""

    @workflow.run
    async def run(self, order: str, runs: int) -> str:
        for _ in range(LOOKS_A_RUN):
            if await workflow.execute_activity(look, order, start_to_close_timeout=timedelta(seconds=5)):
                return f"{order} is ready, in run {runs}"
            await workflow.sleep(0.1)
        workflow.continue_as_new(args=[order, runs + 1])


@workflow.defn
class Periodic:
    @workflow.run
    async def run(self, order: str) -> str:
        return await workflow.execute_child_workflow(Looks.run, args=[order, 1], id=f"looks-for-{order}")


async def main() -> None:
    logging.getLogger("perdure").setLevel(logging.ERROR)
    async with (
        await Client.connect() as client,
        Worker(
            client,
            task_queue=TASK_QUEUE,
            workflows=[Frequent, Infrequent, Periodic, Looks],
            activities=[look_until_ready, look_once, look],
        ),
    ):
        for kind in (Frequent, Infrequent, Periodic):
            name = kind.__name__.lower()
            order = f"{name}-{uuid.uuid4().hex[:8]}"
            told = await client.execute_workflow(kind.__name__, order, id=order, task_queue=TASK_QUEUE, result_type=str)
            print(f"{name}: {told.partition(' ')[2]}, after {_looks[order]} looks")


if __name__ == "__main__":
    asyncio.run(main())
