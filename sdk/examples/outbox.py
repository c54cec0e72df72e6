"""An order is written and its workflow started in one transaction: both happen, or neither, whoever crashes in between.

A start is a row in the application's own database; a relay takes it to the cluster when its transaction has committed.
The relay runs here beside the worker; `perdure outbox run --postgres DSN` is the same as a process of its own.

    perdure dev                                                      # in one terminal
    python sdk/examples/outbox.py postgresql://user@host/database    # in another; any Postgres
"""

from __future__ import annotations

import asyncio
import sys
import uuid

import psycopg

from perdure import workflow
from perdure.client import Client
from perdure.outbox import Outbox, OutboxRelay, OutboxTable
from perdure.service import RPCError
from perdure.worker import Worker

TASK_QUEUE = "orders"
outbox = Outbox()


class CardDeclined(Exception):
    pass


@workflow.defn
class Delivery:
    @workflow.run
    async def run(self, item: str) -> str:
        return f"{item} is on its way"


def order(connection: psycopg.Connection, order_id: str, item: str, *, card: bool = True) -> None:
    """What a web server would do: it needs no connection to the cluster, and knows nothing of relays."""
    with connection.transaction():
        connection.execute("INSERT INTO orders (id, item) VALUES (%s, %s)", (order_id, item))
        outbox.start_workflow(connection, Delivery.run, item, id=order_id, task_queue=TASK_QUEUE)
        if not card:
            raise CardDeclined


async def main(dsn: str) -> None:
    await OutboxTable(dsn).create()  # or: perdure outbox create; or what `perdure outbox ddl` prints, as a migration
    client = await Client.connect()
    worker = Worker(client, task_queue=TASK_QUEUE, workflows=[Delivery])
    paid, unpaid = (f"order-{uuid.uuid4().hex[:8]}" for _ in range(2))
    async with client, worker, OutboxRelay(client, dsn):
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, item TEXT NOT NULL)")
            try:
                order(connection, unpaid, "a lamp", card=False)
            except CardDeclined:
                print("no lamp: the card was declined")
            order(connection, paid, "a chair")
        while await OutboxTable(dsn).entries():
            await asyncio.sleep(0.01)
        print(await client.get_workflow_handle(paid).result())
        try:
            await client.get_workflow_handle(unpaid).describe()
        except RPCError as error:
            print(f"and of the lamp: {error.status.name}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("name the application's own Postgres: python outbox.py postgresql://user@host/database")
    asyncio.run(main(sys.argv[1]))
