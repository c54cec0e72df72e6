"""The worker of a program in two parts; `counter_starter` is the other."""

import asyncio
import os
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker


@activity.defn
async def add(total: int, number: int) -> int:
    return total + number


@workflow.defn(name="Counter")
class CounterWorkflow:
    @workflow.run
    async def run(self, numbers: list[int]) -> int:
        total = 0
        for number in numbers:
            total = await workflow.execute_activity(
                add, args=[total, number], start_to_close_timeout=timedelta(seconds=30)
            )
            workflow.logger.info("Counted to %s", total)
        return total


async def main() -> None:
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
    worker = Worker(client, task_queue="counters", workflows=[CounterWorkflow], activities=[add])
    await worker.run()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print("stopped")
