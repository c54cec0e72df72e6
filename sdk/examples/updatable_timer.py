"""A timer that may be moved while it runs: a reminder, and an update that says when it is due instead.

perdure dev                                   # in one terminal
python sdk/examples/updatable_timer.py        # in another
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime, timedelta

from perdure import workflow
from perdure.client import Client
from perdure.worker import Worker

TASK_QUEUE = "updatable-timer"


@workflow.defn
class Reminder:
    def __init__(self) -> None:
        self._due: datetime | None = None
        self._moved = 0

    @workflow.run
    async def run(self, after: timedelta) -> int:
        self._due = self._due or workflow.now() + after
        while True:
            try:
                await self._next_move(self._due - workflow.now())
            except TimeoutError:
                return self._moved

    async def _next_move(self, timeout: timedelta) -> None:
        seen = self._moved
        await workflow.wait_condition(lambda: self._moved != seen, timeout=timeout)

    @workflow.update
    def move(self, after: timedelta) -> datetime:
        self._due = workflow.now() + after
        self._moved += 1
        return self._due

    @move.validator
    def refuse_the_past(self, after: timedelta) -> None:
        if after < timedelta():
            raise ValueError("the past is over")


async def main() -> None:
    async with await Client.connect() as client, Worker(client, task_queue=TASK_QUEUE, workflows=[Reminder]):
        reminder = await client.start_workflow(
            Reminder.run, timedelta(days=30), id=f"reminder-{uuid.uuid4().hex[:8]}", task_queue=TASK_QUEUE
        )
        due = await reminder.execute_update(Reminder.move, timedelta(milliseconds=100))
        moved = await reminder.result()
        print(f"moved {moved} time, to a {type(due).__name__}")


if __name__ == "__main__":
    asyncio.run(main())
