"""A subscription: a free month, then a charge every 30 days until somebody cancels. A year is one workflow that sleeps.

`test_subscription.py` beside it tests the year in milliseconds.

    perdure dev                             # in one terminal
    python sdk/examples/subscription.py     # in another: a few short months
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from datetime import timedelta

from perdure import activity, workflow
from perdure.client import Client
from perdure.worker import Worker

TASK_QUEUE = "subscriptions"


@dataclass
class Plan:
    customer: str
    price_cents: int = 900
    period_seconds: float = 30 * 24 * 3600
    periods: int = 12


@activity.defn
async def charge(customer: str, cents: int, period: int) -> None:
    activity.logger.info("charged %s %d cents for period %d", customer, cents, period)


@workflow.defn
class Subscription:
    def __init__(self) -> None:
        self.is_canceled = False
        self.charged_cents = 0

    @workflow.run
    async def run(self, plan: Plan) -> int:
        """Returns what was charged in all, in cents."""
        for period in range(1, plan.periods + 1):
            try:
                await workflow.wait_condition(lambda: self.is_canceled, timeout=timedelta(seconds=plan.period_seconds))
                return self.charged_cents
            except TimeoutError:
                await workflow.execute_activity(
                    charge,
                    args=[plan.customer, plan.price_cents, period],
                    start_to_close_timeout=timedelta(minutes=1),
                )
                self.charged_cents += plan.price_cents
        return self.charged_cents

    @workflow.signal
    def cancel(self) -> None:
        self.is_canceled = True

    @workflow.query
    def charged(self) -> int:
        return self.charged_cents


async def main() -> None:
    async with (
        await Client.connect() as client,
        Worker(client, task_queue=TASK_QUEUE, workflows=[Subscription], activities=[charge]),
    ):
        handle = await client.start_workflow(
            Subscription.run,
            Plan("ada", period_seconds=0.3),
            id=f"subscription-{uuid.uuid4().hex[:8]}",
            task_queue=TASK_QUEUE,
        )
        await asyncio.sleep(1)
        await handle.signal(Subscription.cancel)
        print(f"charged {await handle.result() / 100:.2f} before the subscription was canceled")


if __name__ == "__main__":
    asyncio.run(main())
