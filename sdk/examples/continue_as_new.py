"""A shopkeeper's till that runs for ever: each run serves some customers, then hands over to the next run.

The history of a run may not grow without end. `continue_as_new` closes it and begins another one of the same workflow
id, in one transaction: the till is never closed, and no signal is lost between two runs.

    perdure dev                                            # in one terminal
    python sdk/examples/continue_as_new.py                 # in another
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field

from perdure import workflow
from perdure.client import Client
from perdure.worker import Worker

TASK_QUEUE = "till"


@dataclass
class Drawer:
    """What is handed over."""

    coins: int = 0
    customers: int = 0
    runs: int = 1
    waiting: list[int] = field(default_factory=list)
    is_closing: bool = False


@workflow.defn
class Till:
    @workflow.init
    def __init__(self, drawer: Drawer, customers_a_run: int) -> None:
        self._payments = list(drawer.waiting)
        self._is_closing = drawer.is_closing

    @workflow.run
    async def run(self, drawer: Drawer, customers_a_run: int) -> Drawer:
        served = 0
        # A real till would only ask `workflow.info().is_continue_as_new_suggested()`: after some thousand events.
        while served < customers_a_run and not workflow.info().is_continue_as_new_suggested():
            await workflow.wait_condition(lambda: bool(self._payments) or self._is_closing)
            if not self._payments:
                return drawer
            drawer.coins += self._payments.pop(0)
            drawer.customers += 1
            served += 1
        drawer.runs += 1
        drawer.waiting, drawer.is_closing = self._payments, self._is_closing  # the next run serves who has paid already
        workflow.continue_as_new(args=[drawer, customers_a_run])

    @workflow.signal
    def pay(self, coins: int) -> None:
        self._payments.append(coins)

    @workflow.signal
    def close(self) -> None:
        self._is_closing = True


async def main() -> None:
    async with await Client.connect() as client, Worker(client, task_queue=TASK_QUEUE, workflows=[Till]):
        handle = await client.start_workflow(
            Till.run, args=[Drawer(), 10], id=f"till-{uuid.uuid4().hex[:8]}", task_queue=TASK_QUEUE
        )
        for customer in range(100):  # the handle names no run: each signal goes to the one that is open
            await handle.signal(Till.pay, customer)
        await handle.signal(Till.close)
        drawer = await handle.result()  # of the last run
        print(f"{drawer.customers} customers paid {drawer.coins} coins, in {drawer.runs} runs")


if __name__ == "__main__":
    asyncio.run(main())
