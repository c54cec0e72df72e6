"""A client process of a campaign: `python -m tests.chaos.driver NAME SEED LANES`, at PERDURE_ADDRESS.

Role: starts workflows, signals, queries and cancels them, waits for their ends, and writes down what it asks for before
it asks, and what it is told. Killed and started again, it goes on with what it had begun. When the ledger is closed
(`ledger.close_ledger`) it begins no more workflows, and ends when the last one has.

A request that is not answered is made again, as the errors of the client tell a user to do.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from perdure.client import Client, WorkflowFailureError, WorkflowHandle
from perdure.common import WorkflowIDReusePolicy
from perdure.exceptions import CancelledError, WorkflowAlreadyStartedError
from perdure.service import RPCError, RPCStatusCode
from tests.chaos import ledger
from tests.chaos.ledger import DriverLedger, Entry
from tests.chaos.plans import Kind, Plan, number_of, plan_of
from tests.chaos.workload import TASK_QUEUE, WORKFLOWS, Basket

T = TypeVar("T")

Handle = WorkflowHandle[Any, Any]

RPC_TIMEOUT = timedelta(seconds=10)
RETRY_SECONDS = 0.3
_PASSING = {RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.RESOURCE_EXHAUSTED}


def workflow_id(driver: str, number: int) -> str:
    return f"{driver}-{number}"


class Driver:
    """Several lanes, each with one workflow at a time."""

    def __init__(self, client: Client, book: DriverLedger, name: str, seed: int) -> None:
        self._client = client
        self._book = book
        self._name = name
        self._seed = seed
        self._known: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in book.entries():
            self._known[entry.workflow].append(entry)
        self._unfinished = [
            workflow for workflow, entries in self._known.items() if entries[-1].what != ledger.ENDED
        ]  # lanes take them first
        self._numbers = itertools.count(len(self._known))

    async def run(self, lanes: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(lanes):
                group.create_task(self._lane())

    async def _lane(self) -> None:
        while True:
            if self._unfinished:
                workflow = self._unfinished.pop()
            elif self._book.is_closed:
                return
            else:
                workflow = workflow_id(self._name, next(self._numbers))
            await self._drive(workflow, plan_of(self._seed, number_of(workflow)))

    async def _drive(self, workflow: str, plan: Plan) -> None:
        handle = await self._start(workflow, plan)
        if plan.kind is Kind.BASKET:
            await self._fill(handle, plan)
        elif plan.kind is Kind.CANCELLED:
            await asyncio.sleep(plan.seconds)
            await self._tell(handle, ledger.CANCEL, lambda: handle.cancel(rpc_timeout=RPC_TIMEOUT))
            self._book.note(workflow, ledger.CANCELED)
        self._book.note(workflow, ledger.ENDED, await _outcome(handle))

    async def _start(self, workflow: str, plan: Plan) -> Handle:
        self._book.note(workflow, ledger.START)

        async def start() -> str | None:
            try:
                handle = await self._client.start_workflow(
                    WORKFLOWS[plan.kind].__name__,
                    plan,
                    id=workflow,
                    task_queue=TASK_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    rpc_timeout=RPC_TIMEOUT,
                )
            except WorkflowAlreadyStartedError as error:  # by an earlier try, whose answer did not come
                return error.run_id
            return handle.result_run_id

        run_id = await insist(start)
        self._book.note(workflow, ledger.STARTED, run_id)
        return self._client.get_workflow_handle(workflow)

    async def _fill(self, handle: Handle, plan: Plan) -> None:
        """Signal the items that are not known to be in, in order; now and then ask what is in."""
        rng = random.Random(f"{self._name}/{plan.number}")
        accepted = {entry.value for entry in self._known[handle.id] if entry.what == ledger.SENT}
        for item in range(plan.size):
            if item not in accepted:
                put = partial(handle.signal, Basket.put, item, rpc_timeout=RPC_TIMEOUT)
                await self._tell(handle, ledger.SEND, put, item)
                self._book.note(handle.id, ledger.SENT, item)
            if rng.random() < 0.3:
                await self._look(handle)
            await asyncio.sleep(plan.seconds)

    async def _tell(self, handle: Handle, what: str, ask: Callable[[], Awaitable[None]], value: Any = None) -> None:
        """Send something until it is accepted, and write down each try. A workflow that is closed has had it."""

        async def tell() -> None:
            self._book.note(handle.id, what, value)
            await ask()

        try:
            await insist(tell)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise

    async def _look(self, handle: Handle) -> None:
        """One try: a query has nobody to answer it while all workers are down."""
        try:
            seen = await handle.query(Basket.items, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status not in _PASSING:
                raise
        else:
            self._book.note(handle.id, ledger.SEEN, seen)


async def _outcome(handle: Handle) -> dict[str, Any]:
    async def wait() -> dict[str, Any]:
        try:
            return {"status": "COMPLETED", "result": await handle.result(rpc_timeout=RPC_TIMEOUT)}
        except WorkflowFailureError as error:
            status = "CANCELED" if isinstance(error.cause, CancelledError) else "FAILED"
            return {"status": status, "result": str(error.cause)}

    return await insist(wait)


async def insist(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until there is an answer."""
    while True:
        try:
            return await ask()
        except RPCError as error:
            if error.status not in _PASSING:
                raise
        await asyncio.sleep(RETRY_SECONDS * random.uniform(0.5, 1.5))


async def main(name: str, seed: int, lanes: int) -> None:
    async with await insist(Client.connect) as client:
        await Driver(client, DriverLedger(Path(os.environ[ledger.ENVIRONMENT]), name), name, seed).run(lanes)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
