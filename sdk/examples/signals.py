"""Telling a workflow something: a signal is durable when the call returns, whether or not a worker is there to see it.

The first signal may start the workflow, too: `start_signal` goes to the run that is open, or to a new one.

    perdure dev                                            # in one terminal
    python sdk/examples/signals.py                         # in another
"""

from __future__ import annotations

import asyncio
import uuid

from perdure import workflow
from perdure.client import Client, WorkflowHandle
from perdure.worker import Worker

TASK_QUEUE = "signals"


@workflow.defn
class Basket:
    def __init__(self) -> None:
        self._items: list[str] = []
        self._is_ordered = False

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: self._is_ordered)
        return self._items

    @workflow.signal
    def add(self, item: str) -> None:
        self._items.append(item)

    @workflow.signal
    async def order(self) -> None:
        await workflow.sleep(0.05)  # a handler may wait; others run meanwhile
        self._is_ordered = True


async def main() -> None:
    async with await Client.connect() as client:
        workflow_id = f"basket-{uuid.uuid4().hex[:8]}"
        for item in ("tea", "cups"):
            basket = await add(client, workflow_id, item)
        print("two signals are durable, and no worker has run yet")
        await basket.signal(Basket.add, "a kettle")
        await basket.signal(Basket.order)
        async with Worker(client, task_queue=TASK_QUEUE, workflows=[Basket]):
            print(f"ordered: {', '.join(await basket.result())}")


async def add(client: Client, workflow_id: str, item: str) -> WorkflowHandle[Basket, list[str]]:
    """Put something into a basket that may not be there yet."""
    return await client.start_workflow(
        Basket.run, id=workflow_id, task_queue=TASK_QUEUE, start_signal="add", start_signal_args=[item]
    )


if __name__ == "__main__":
    asyncio.run(main())
