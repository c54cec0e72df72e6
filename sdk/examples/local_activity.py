"""Local activities: short steps that run in the worker which holds the workflow, without a task of their own.

An order is priced from a table that the worker has in memory. That takes microseconds: a trip through a task queue
would be most of its cost. The results are in the history all the same, so that a replay does not look them up again.

    perdure dev                               # in another terminal
    python sdk/examples/local_activity.py
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

from perdure import activity, workflow
from perdure.client import Client
from perdure.worker import Worker

TASK_QUEUE = "local-activity"
PRICES = {"lamp": 4900, "desk": 18900}


@activity.defn
def look_up_price(item: str) -> int:
    """A `def` is fine, too: it runs in a thread, so that it may block."""
    return PRICES[item]


@activity.defn
async def charge(cents: int) -> str:
    return f"charged {cents / 100:.2f}"


@workflow.defn
class Order:
    @workflow.run
    async def run(self, items: list[str]) -> str:
        limit = timedelta(seconds=5)
        prices = await asyncio.gather(
            *(workflow.execute_local_activity(look_up_price, item, start_to_close_timeout=limit) for item in items)
        )
        # What must not happen twice, or takes long, is an ordinary activity.
        return await workflow.execute_activity(charge, sum(prices), start_to_close_timeout=timedelta(minutes=1))


async def main() -> None:
    async with (
        await Client.connect() as client,
        Worker(client, task_queue=TASK_QUEUE, workflows=[Order], activities=[look_up_price, charge]),
    ):
        handle = await client.start_workflow(
            Order.run, ["lamp", "desk"], id=f"order-{uuid.uuid4().hex[:8]}", task_queue=TASK_QUEUE
        )
        print(await handle.result())
        history = await handle.fetch_history()
        markers = [event for event in history.events if type(event.attributes).__name__ == "MarkerRecorded"]
        print(f"{len(markers)} markers in a history of {len(history.events)} events")


if __name__ == "__main__":
    asyncio.run(main())
