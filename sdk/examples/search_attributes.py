"""Finding workflows by what they are about, and doing something to all that were found.

Each order says whose it is and what it is worth, and changes its step as it goes. A query finds them by that, in any
order, and counts them by groups; a batch operation cancels those that are not worth waiting for.

    perdure dev                                  # in one terminal
    python sdk/examples/search_attributes.py     # in another
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

from perdure import workflow
from perdure.client import Client
from perdure.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from perdure.worker import Worker

TASK_QUEUE = "search-attributes"

CUSTOMER = SearchAttributeKey.for_keyword("Customer")
AMOUNT = SearchAttributeKey.for_int("Amount")
STEP = SearchAttributeKey.for_keyword("Step")
SHOP = SearchAttributeKey.for_keyword("Shop")


@workflow.defn
class Order:
    @workflow.run
    async def run(self) -> None:
        workflow.upsert_search_attributes([STEP.value_set("waiting for payment")])
        workflow.upsert_memo({"since": workflow.now().isoformat()})
        await workflow.sleep(timedelta(days=30))


async def main() -> None:
    shop = f"shop-{uuid.uuid4().hex[:8]}"
    client = await Client.connect()
    async with client, Worker(client, task_queue=TASK_QUEUE, workflows=[Order]):
        for customer, amount in (("ada", 70), ("bob", 5), ("ada", 30)):
            attributes = TypedSearchAttributes(
                [
                    SearchAttributePair(SHOP, shop),
                    SearchAttributePair(CUSTOMER, customer),
                    SearchAttributePair(AMOUNT, amount),
                ]
            )
            await client.start_workflow(
                Order.run, id=f"{shop}-{amount}", task_queue=TASK_QUEUE, search_attributes=attributes
            )

        waiting = f"Shop = '{shop}' AND Step = 'waiting for payment'"
        while (await client.count_workflows(waiting)).count < 3:  # lists are behind by a moment
            await asyncio.sleep(0.1)

        async for order in client.list_workflows(f"{waiting} AND Amount >= 10 ORDER BY Amount DESC"):
            attributes = order.typed_search_attributes
            print(f"{attributes[CUSTOMER]} owes {attributes[AMOUNT]}")
        for group in (await client.count_workflows(f"{waiting} GROUP BY Customer")).groups:
            print(f"{group.group_values[0]}: {group.count}")

        batch = await client.batches.cancel(f"{waiting} AND Amount < 50", reason="not worth it")
        found = await batch.result()
        print(f"cancelled {found.done} of {found.total}")
        await client.get_workflow_handle(f"{shop}-70").terminate()


if __name__ == "__main__":
    asyncio.run(main())
