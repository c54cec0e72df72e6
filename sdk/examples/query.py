"""Asking a workflow how far it is: while it runs, and when it is over. A query changes nothing, and leaves no trace.

perdure dev                                            # in one terminal
python sdk/examples/query.py                           # in another
"""

from __future__ import annotations

import asyncio
import uuid

from perdure import workflow
from perdure.client import Client, WorkflowQueryFailedError
from perdure.worker import Worker

TASK_QUEUE = "query"


@workflow.defn
class Migration:
    def __init__(self) -> None:
        self._done = 0

    @workflow.run
    async def run(self, tables: int) -> None:
        for _ in range(tables):
            await workflow.sleep(0.05)
            self._done += 1

    @workflow.query
    def tables_done(self) -> int:
        return self._done

    @workflow.query(name="has", description="whether a table is done, by its number")
    def is_done(self, table: int) -> bool:
        if table < 1:
            raise ValueError("tables are counted from 1")
        return table <= self._done


async def main() -> None:
    async with await Client.connect() as client, Worker(client, task_queue=TASK_QUEUE, workflows=[Migration]):
        migration = await client.start_workflow(
            Migration.run, 5, id=f"migration-{uuid.uuid4().hex[:8]}", task_queue=TASK_QUEUE
        )
        early = await migration.query(Migration.tables_done)
        await migration.result()
        late = await migration.query(Migration.tables_done)
        print(f"more tables were done later: {early < late}; at the end: {late}")
        print(f"the third is done: {await migration.query('has', 3)}")
        try:
            await migration.query(Migration.is_done, 0)
        except WorkflowQueryFailedError as error:
            print(f"refused: {error}")


if __name__ == "__main__":
    asyncio.run(main())
