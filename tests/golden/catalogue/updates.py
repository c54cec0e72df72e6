"""Updates: answered at once and after a while, refused by their validator, failing, several at a time."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from perdure import workflow
from perdure.client import WorkflowHandle, WorkflowUpdateFailedError
from perdure.exceptions import ApplicationError
from perdure.testing import WorkflowEnvironment
from tests.golden.catalogue.tale import SHORT, Drive, Tale, double, wait_begun


@workflow.defn(name="account")
class Account:
    def __init__(self) -> None:
        self.balance = 0
        self.is_closed = False

    @workflow.run
    async def run(self) -> int:
        await workflow.sleep(1)
        await workflow.wait_condition(lambda: self.is_closed)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.balance

    @workflow.update
    def put(self, amount: int) -> int:
        self.balance += amount
        return self.balance

    @put.validator
    def check_put(self, amount: int) -> None:
        if amount <= 0:
            raise ValueError("nothing to put")

    @workflow.update
    async def double_it(self, times: int) -> int:
        for _ in range(times):
            self.balance = await workflow.execute_activity(double, self.balance, start_to_close_timeout=SHORT)
        return self.balance

    @workflow.update
    async def take(self, amount: int) -> int:
        await workflow.sleep(1)
        if amount > self.balance:
            raise ApplicationError("not enough", type="Overdrawn")
        self.balance -= amount
        return self.balance

    @workflow.signal
    def close(self, _: str) -> None:
        self.is_closed = True


def updates(*given: tuple[str, int], at_once: bool = False) -> Drive:
    """Send these updates, one after the other or at once; then the account is closed."""

    async def drive(env: WorkflowEnvironment, handle: WorkflowHandle[Any, Any]) -> None:
        async def one(name: str, amount: int) -> None:
            with contextlib.suppress(WorkflowUpdateFailedError):  # as some of them end
                await handle.execute_update(name, amount)

        await wait_begun(handle)
        if at_once:
            await asyncio.gather(*(one(*update) for update in given))
        else:
            for update in given:
                await one(*update)
        await handle.signal("close", "done")

    return drive


WORKFLOWS = (Account,)
ACTIVITIES = ()
TALES = (
    Tale("account-untouched", Account, (), updates()),
    Tale("account-put", Account, (), updates(("put", 5))),
    Tale("account-refused", Account, (), updates(("put", 5), ("put", 0), ("put", 1))),
    Tale("account-doubled", Account, (), updates(("put", 5), ("double_it", 2))),
    Tale("account-overdrawn", Account, (), updates(("put", 5), ("take", 9), ("take", 2))),
    Tale("account-busy", Account, (), updates(("put", 5), ("double_it", 1), ("take", 1), ("put", 2), at_once=True)),
)
