"""Changing a workflow while runs of it are open: those take the old way to their end, new ones the new way.

A run is replayed by whatever code its worker has. Code that now does something else than the history says would fail
the replay, so that the change stands behind a question, which the history answers.

    perdure dev                         # in one terminal
    python sdk/examples/patching.py     # in another
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from typing import Any

from perdure import activity, workflow
from perdure.client import Client
from perdure.worker import Worker

TASK_QUEUE = "orders"
SHORT = timedelta(seconds=10)


@activity.defn
async def check_fraud(customer: str) -> str:
    return f"{customer} checked"


@activity.defn
async def charge(customer: str) -> str:
    return f"{customer} charged"


class Parcel:
    """What both versions have in common."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.is_delivered = False

    @workflow.signal
    def deliver(self) -> None:
        self.is_delivered = True

    @workflow.query
    def done(self) -> list[str]:
        return self.steps

    async def charge_and_wait(self, customer: str) -> None:
        self.steps.append(await workflow.execute_activity(charge, customer, start_to_close_timeout=SHORT))
        await workflow.wait_condition(lambda: self.is_delivered)


@workflow.defn(name="Order")
class OrderOfLastWeek(Parcel):
    @workflow.run
    async def run(self, customer: str) -> list[str]:
        await self.charge_and_wait(customer)
        return self.steps


@workflow.defn
class Order(Parcel):
    @workflow.run
    async def run(self, customer: str) -> list[str]:
        # --- a change that open runs do not see
        if workflow.patched("check-fraud-first"):
            self.steps.append(await workflow.execute_activity(check_fraud, customer, start_to_close_timeout=SHORT))
        # ---
        await self.charge_and_wait(customer)
        return self.steps


def worker(client: Client, code: Any) -> Worker:
    return Worker(client, task_queue=TASK_QUEUE, workflows=[code], activities=[check_fraud, charge])


async def main() -> None:
    async with await Client.connect() as client:
        async with worker(client, OrderOfLastWeek):
            old = await client.start_workflow("Order", "ada", id=f"order-{uuid.uuid4().hex[:8]}", task_queue=TASK_QUEUE)
            while not await old.query("done"):
                await asyncio.sleep(0.05)
        async with worker(client, Order):  # the deployment of this week
            new = await client.start_workflow("Order", "lin", id=f"order-{uuid.uuid4().hex[:8]}", task_queue=TASK_QUEUE)
            for handle in (old, new):
                await handle.signal("deliver")
                print(", ".join(await handle.result()))


if __name__ == "__main__":
    asyncio.run(main())
