"""A batch operation: one signal to every open workflow that a query finds, with its progress; later all are deleted.

The engines carry it out, at the rate that was asked for, whether or not anybody watches: it survives the client, and
the engine that it began on. Each workflow gets the signal once.

The same from a shell: perdure workflow signal change_price --query "Plan = 'gold'" --input 12

    perdure dev                              # in one terminal
    python sdk/examples/batch_by_query.py    # in another
"""

from __future__ import annotations

import asyncio
import uuid

from perdure import workflow
from perdure.client import BatchOperationState, Client
from perdure.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from perdure.worker import Worker

TASK_QUEUE = "subscriptions"
PLAN = SearchAttributeKey.for_keyword("Plan")


@workflow.defn
class Subscription:
    def __init__(self) -> None:
        self._price = 10

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: self._price != 10)
        return f"pays {self._price} from now on"

    @workflow.signal
    def change_price(self, price: int) -> None:
        self._price = price


async def main() -> None:
    gold = f"gold-{uuid.uuid4().hex[:8]}"
    client = await Client.connect()
    async with client, Worker(client, task_queue=TASK_QUEUE, workflows=[Subscription]):
        attributes = TypedSearchAttributes([SearchAttributePair(PLAN, gold)])
        handles = [
            await client.start_workflow(
                Subscription.run, id=f"{gold}-{number}", task_queue=TASK_QUEUE, search_attributes=attributes
            )
            for number in range(20)
        ]
        query = f"Plan = '{gold}'"
        while (await client.count_workflows(query)).count < len(handles):  # lists are behind by a moment
            await asyncio.sleep(0.1)

        batch = await client.batches.signal(query, "change_price", 12, reason="everything gets dearer", rate=200)
        while (found := await batch.describe()).state == BatchOperationState.RUNNING:
            await asyncio.sleep(0.1)  # found.done of found.total so far
        print(f"told {found.done} of {found.total}")
        print({await handle.result() for handle in handles}.pop())

        gone = await (await client.batches.delete(query, reason="an example", rate=200)).result()
        print(f"deleted {gone.done} of {gone.total}")


if __name__ == "__main__":
    asyncio.run(main())
