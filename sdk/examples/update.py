"""Changing a workflow and being answered: an update is checked by its validator, and returns what its handler returns.

What the validator refuses leaves no trace in the history. The update id makes one update of all that are sent with it.

    perdure dev                                            # in one terminal
    python sdk/examples/update.py                          # in another
"""

from __future__ import annotations

import asyncio
import uuid

from perdure import workflow
from perdure.client import Client, WorkflowUpdateFailedError, WorkflowUpdateStage
from perdure.exceptions import ApplicationError
from perdure.worker import Worker

TASK_QUEUE = "update"


@workflow.defn
class Account:
    def __init__(self) -> None:
        self._balance = 0
        self._is_closed = False

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self._is_closed and workflow.all_handlers_finished())
        return self._balance

    @workflow.update
    def deposit(self, amount: int) -> int:
        self._balance += amount
        return self._balance

    @deposit.validator
    def check(self, amount: int) -> None:
        if amount <= 0:
            raise ApplicationError("a deposit is more than nothing")

    @workflow.update
    async def close(self) -> str:
        self._is_closed = True
        await workflow.sleep(0.05)
        return f"closed with {self._balance}"


async def main() -> None:
    async with await Client.connect() as client, Worker(client, task_queue=TASK_QUEUE, workflows=[Account]):
        account = await client.start_workflow(Account.run, id=f"account-{uuid.uuid4().hex[:8]}", task_queue=TASK_QUEUE)
        for _ in range(2):
            print(f"balance: {await account.execute_update(Account.deposit, 5, id='the same deposit')}")
        try:
            await account.execute_update(Account.deposit, -5)
        except WorkflowUpdateFailedError as error:
            print(f"refused: {error.cause}")
        closing = await account.start_update(Account.close, wait_for_stage=WorkflowUpdateStage.ACCEPTED)
        print(f"{await closing.result()}; the workflow returned {await account.result()}")


if __name__ == "__main__":
    asyncio.run(main())
