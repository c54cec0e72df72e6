"""Activities at the same time: all of them, the first of them, and no more than a few at once.

perdure dev                               # in another terminal
python sdk/examples/parallel_activities.py
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

from perdure import activity, workflow
from perdure.client import Client
from perdure.worker import Worker

TASK_QUEUE = "parallel-activities"
AT_ONCE = 3


@activity.defn
async def quote(airline: str, price: int, seconds: float) -> str:
    await asyncio.sleep(seconds)
    return f"{airline}: {price}"


@workflow.defn
class Quotes:
    @workflow.run
    async def run(self) -> dict[str, list[str]]:
        all_of_them = await asyncio.gather(*(self.ask(name, 100 + n) for n, name in enumerate("ABC")))

        asked = [self.ask("slow", 50, 60), self.ask("fast", 70)]
        first, others = await workflow.wait(
            [asyncio.create_task(call) for call in asked], return_when="FIRST_COMPLETED"
        )
        for task in others:
            task.cancel()  # cancels the activity, which need not finish then
        fastest = [task.result() for task in first]

        slots = asyncio.Semaphore(AT_ONCE)

        async def in_turn(number: int) -> str:
            async with slots:
                return await self.ask(f"no. {number}", number, 0.01)

        few_at_once = await asyncio.gather(*(in_turn(number) for number in range(10)))
        return {"all": all_of_them, "first": fastest, "few at once": few_at_once}

    async def ask(self, airline: str, price: int, seconds: float = 0.05) -> str:
        return await workflow.execute_activity(
            quote, args=[airline, price, seconds], start_to_close_timeout=timedelta(minutes=2)
        )


async def main() -> None:
    async with (
        await Client.connect() as client,
        Worker(client, task_queue=TASK_QUEUE, workflows=[Quotes], activities=[quote]),
    ):
        told = await client.execute_workflow(Quotes.run, id=f"quotes-{uuid.uuid4().hex[:8]}", task_queue=TASK_QUEUE)
        print("all:", ", ".join(told["all"]))
        print("first:", ", ".join(told["first"]))
        print("few at once:", len(told["few at once"]))


if __name__ == "__main__":
    asyncio.run(main())
