"""What the soak runs: a few kinds of workflow that touch every table and every stream, each over in seconds.

The worker process: `python -m tests.soak.workflows`, at PERDURE_ADDRESS.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from perdure import activity, workflow
from perdure.client import Client
from perdure.common import RetryPolicy
from perdure.worker import Worker

TASK_QUEUE = "soak"
TIMEOUT = timedelta(seconds=30)


@activity.defn
async def work(size: int) -> str:
    return "x" * size


@activity.defn
async def fail_once() -> int:
    if activity.info().attempt == 1:
        raise RuntimeError("the first attempt fails")
    return activity.info().attempt


@activity.defn
def work_in_thread(size: int) -> str:
    return "y" * size


@workflow.defn
class Step:
    """One activity: the most common thing."""

    @workflow.run
    async def run(self) -> int:
        return len(await workflow.execute_activity(work, 200, start_to_close_timeout=TIMEOUT))


@workflow.defn
class Fan:
    """Ten activities at once, one of them in a thread and one that fails first."""

    @workflow.run
    async def run(self) -> int:
        policy = RetryPolicy(initial_interval=timedelta(milliseconds=50))
        results = await asyncio.gather(
            *(workflow.execute_activity(work, 100, start_to_close_timeout=TIMEOUT) for _ in range(8)),
            workflow.execute_activity(work_in_thread, 100, start_to_close_timeout=TIMEOUT),
            workflow.execute_activity(fail_once, start_to_close_timeout=TIMEOUT, retry_policy=policy),
        )
        return len(results)


@workflow.defn
class Wait:
    """A signal, a timer that fires and one that is cancelled."""

    def __init__(self) -> None:
        self._told = 0

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self._told > 0, timeout=timedelta(seconds=60))
        await workflow.sleep(0.2)
        return self._told

    @workflow.signal
    def tell(self) -> None:
        self._told += 1


WORKFLOWS = [Step, Fan, Wait]
ACTIVITIES = [work, work_in_thread, fail_once]


async def serve() -> None:
    async with await Client.connect() as client:
        await Worker(client, task_queue=TASK_QUEUE, workflows=WORKFLOWS, activities=ACTIVITIES).run()


if __name__ == "__main__":
    asyncio.run(serve())
