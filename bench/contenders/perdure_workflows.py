"""The three workflows that are measured, the activity that does nothing, and the tasks that are counted."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bench import tally
from perdure import activity, workflow

TASK_QUEUE = "bench"
TIMEOUT = timedelta(minutes=5)
LONG = timedelta(days=1)


def waiting_task_queue(count: int) -> str:
    """Of the tasks that wait behind a few that take long."""
    return f"bench-waiting-{count}"


@activity.defn
async def noop(number: int) -> int:
    return number


@activity.defn
async def counted(number: int) -> int:
    tally.record(number)
    return number


@activity.defn
async def long(number: int) -> int:
    await asyncio.sleep(LONG.total_seconds())
    return number


@workflow.defn(name="one")
class One:
    """A single activity."""

    @workflow.run
    async def run(self, number: int) -> int:
        return await workflow.execute_activity(noop, number, start_to_close_timeout=TIMEOUT)


@workflow.defn(name="ten")
class Ten:
    """Ten activities in a row, each given what the one before returned."""

    @workflow.run
    async def run(self, number: int) -> int:
        for _ in range(10):
            number = await workflow.execute_activity(noop, number, start_to_close_timeout=TIMEOUT)
        return number


@workflow.defn(name="fan")
class Fan:
    """Many activities at once."""

    @workflow.run
    async def run(self, activities: int) -> int:
        results = await asyncio.gather(
            *(workflow.execute_activity(noop, number, start_to_close_timeout=TIMEOUT) for number in range(activities))
        )
        return len(results)


WORKFLOWS = (One, Ten, Fan)
