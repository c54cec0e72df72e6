"""Pydantic models as arguments and results: validated on arrival, with dates, money and unions as they are.

The default converter knows pydantic; nothing has to be configured.

    perdure dev                               # in one terminal
    python sdk/examples/pydantic_models.py    # in another
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from perdure import activity, workflow
from perdure.client import Client
from perdure.worker import Worker

TASK_QUEUE = "orders"


class Card(BaseModel):
    kind: Literal["card"] = "card"
    number: str


class Invoice(BaseModel):
    kind: Literal["invoice"] = "invoice"
    days: int


class Item(BaseModel):
    name: str
    price: Decimal = Field(gt=0)


class Order(BaseModel):
    id: uuid.UUID
    at: datetime
    items: list[Item]
    payment: Annotated[Card | Invoice, Field(discriminator="kind")]


class Receipt(BaseModel):
    total: Decimal
    due: datetime


@activity.defn
async def total_of(items: list[Item]) -> Decimal:
    return sum((item.price for item in items), Decimal(0))


@workflow.defn
class Checkout:
    @workflow.run
    async def run(self, order: Order) -> Receipt:
        total = await workflow.execute_activity(total_of, order.items, start_to_close_timeout=timedelta(seconds=30))
        days = order.payment.days if isinstance(order.payment, Invoice) else 0
        return Receipt(total=total, due=order.at + timedelta(days=days))


async def main() -> None:
    order = Order(
        id=uuid.uuid4(),
        at=datetime(2026, 11, 20, tzinfo=UTC),
        items=[Item(name="lamp", price=Decimal("19.90")), Item(name="bulb", price=Decimal("2.15"))],
        payment=Invoice(days=14),
    )
    client = await Client.connect()
    async with client, Worker(client, task_queue=TASK_QUEUE, workflows=[Checkout], activities=[total_of]):
        receipt = await client.execute_workflow(Checkout.run, order, id=f"order-{order.id}", task_queue=TASK_QUEUE)
    print(f"{receipt.total} due on {receipt.due:%d %B %Y}")


if __name__ == "__main__":
    asyncio.run(main())
