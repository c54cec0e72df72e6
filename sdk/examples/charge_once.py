"""Effectively once: an activity may run twice, its effect happens once.

A step that was cut off after its effect and before its report is run again; nobody can know. The idempotency key is the
same on every attempt: written in the same transaction as the effect, it makes the second time do nothing. (A payment
provider takes such a key as a header, and does the same on its side.)

    perdure dev                            # in one terminal
    python sdk/examples/charge_once.py     # in another
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import uuid
from datetime import timedelta
from pathlib import Path

from perdure import activity, workflow
from perdure.client import Client
from perdure.common import RetryPolicy
from perdure.worker import Worker

TASK_QUEUE = "payments"
SCHEMA = "CREATE TABLE charges (key TEXT PRIMARY KEY, customer TEXT NOT NULL, cents INTEGER NOT NULL)"


class Shop:
    """The application's own database."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.attempts = 0
        with sqlite3.connect(path) as database:
            database.execute(SCHEMA)

    # --- effectively once
    @activity.defn
    def charge(self, customer: str, cents: int) -> str:
        key = activity.info().idempotency_key  # the same on every attempt of this step
        with sqlite3.connect(self.path) as database:  # one transaction: the effect, and the proof that it happened
            statement = "INSERT INTO charges VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING"
            database.execute(statement, (key, customer, cents))
        self.reply_gets_lost()
        return key

    # ---

    def reply_gets_lost(self) -> None:
        """The worst moment: the customer is charged, and nobody knows."""
        self.attempts += 1
        if self.attempts == 1:
            raise ConnectionError("the worker was cut off after the charge")

    def charges(self) -> list[tuple[str, int]]:
        with sqlite3.connect(self.path) as database:
            return database.execute("SELECT customer, cents FROM charges").fetchall()


@workflow.defn
class Checkout:
    @workflow.run
    async def run(self, customer: str, cents: int) -> str:
        return await workflow.execute_activity(
            Shop.charge,
            args=[customer, cents],
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100)),
        )


async def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        shop = Shop(Path(directory) / "shop.db")
        client = await Client.connect()
        async with client, Worker(client, task_queue=TASK_QUEUE, workflows=[Checkout], activities=[shop.charge]):
            await client.execute_workflow(
                Checkout.run, args=["ada", 4_200], id=f"checkout-{uuid.uuid4().hex[:8]}", task_queue=TASK_QUEUE
            )
        print(f"attempts: {shop.attempts}, charges: {shop.charges()}")


if __name__ == "__main__":
    asyncio.run(main())
