"""A reminder every thirty days, until somebody says that it is enough. A sleeping workflow costs a row, and no memory.

perdure dev                                            # in one terminal
python sdk/examples/sleep_for_days.py                  # in another: nobody waits for the second reminder
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

from perdure import activity, workflow
from perdure.client import Client
from perdure.worker import Worker

TASK_QUEUE = "reminders"
PERIOD = timedelta(days=30)


@activity.defn
async def send_reminder(number: int) -> None:
    activity.logger.info("reminder %d", number)


@workflow.defn
class Reminders:
    def __init__(self) -> None:
        self._sent = 0
        self._is_enough = False

    @workflow.run
    async def run(self) -> str:
        while not self._is_enough:
            await workflow.execute_activity(send_reminder, self._sent + 1, start_to_close_timeout=timedelta(seconds=10))
            self._sent += 1
            try:
                await workflow.wait_condition(lambda: self._is_enough, timeout=PERIOD)
            except TimeoutError:
                continue
        return f"{self._sent} sent"

    @workflow.signal
    def enough(self) -> None:
        self._is_enough = True

    @workflow.query
    def sent(self) -> int:
        return self._sent


async def main() -> None:
    async with (
        await Client.connect() as client,
        Worker(client, task_queue=TASK_QUEUE, workflows=[Reminders], activities=[send_reminder]),
    ):
        handle = await client.start_workflow(
            Reminders.run, id=f"reminders-{uuid.uuid4().hex[:8]}", task_queue=TASK_QUEUE
        )
        while await handle.query(Reminders.sent) < 1:
            await asyncio.sleep(0.1)
        print(f"{handle.id} sleeps for {PERIOD.days} days; signal it, or wait")
        await handle.signal(Reminders.enough)
        print(await handle.result())


if __name__ == "__main__":
    asyncio.run(main())
