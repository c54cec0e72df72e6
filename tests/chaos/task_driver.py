"""A client process of a campaign that enqueues tasks: `python -m tests.chaos.task_driver NAME SEED LANES`.

Role: sets the limits of a queue, creates a schedule, starts tasks and waits for their results; writes down what it asks
and what it is told (see `driver`). Killed and started again, it goes on with what it had begun. When the ledger is
closed it ends with its last task: it takes the limits away, deletes the schedule, and waits until nothing is open.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from perdure.client import (
    ActivityFailureError,
    Client,
    Schedule,
    ScheduleActionStartActivity,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from perdure.common import ActivityIDReusePolicy
from perdure.exceptions import ActivityAlreadyStartedError
from perdure.service import RPCError, RPCStatusCode
from tests.chaos import ledger
from tests.chaos.driver import RPC_TIMEOUT, insist
from tests.chaos.ledger import DriverLedger, Entry
from tests.chaos.plans import number_of
from tests.chaos.task_load import (
    CONCURRENCY,
    EVERY_SECONDS,
    LIMITED_QUEUE,
    SCHEDULE_ID,
    TIMEOUT,
    TaskKind,
    options_of,
    task_plan_of,
    task_work,
)
from tests.chaos.workload import TASK_QUEUE

LOOK_SECONDS = 0.3
SCHEDULED = "scheduled"
"""What stands before the moment in the id of a task that the schedule starts."""


class TaskDriver:
    """Several lanes, each with one task at a time."""

    def __init__(self, client: Client, book: DriverLedger, name: str, seed: int) -> None:
        self._client = client
        self._book = book
        self._name = name
        self._seed = seed
        known: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in book.entries():
            known[entry.workflow].append(entry)
        self._unfinished = [task for task, entries in known.items() if entries[-1].what != ledger.ENDED]
        self._numbers = itertools.count(len(known))

    async def run(self, lanes: int) -> None:
        queues = self._client.task_queues
        if not self._book.is_closed:
            await insist(lambda: queues.set_limits(LIMITED_QUEUE, concurrency=CONCURRENCY, rpc_timeout=RPC_TIMEOUT))
            await insist(self._create_schedule)
        async with asyncio.TaskGroup() as group:
            for _ in range(lanes):
                group.create_task(self._lane())
        await insist(lambda: queues.set_limits(LIMITED_QUEUE, concurrency=None, rpc_timeout=RPC_TIMEOUT))
        await insist(self._delete_schedule)
        await self._wait_until_nothing_is_open()

    async def _wait_until_nothing_is_open(self) -> None:
        query = "ExecutionStatus = 'Running'"
        while True:
            counted = await insist(lambda: self._client.count_activities(query, rpc_timeout=RPC_TIMEOUT))
            if not counted.count:
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def _create_schedule(self) -> None:
        action = ScheduleActionStartActivity(
            task_work, args=[0, 0, 0.05], id=SCHEDULED, task_queue=TASK_QUEUE, start_to_close_timeout=TIMEOUT
        )
        spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(timedelta(seconds=EVERY_SECONDS))])
        schedule = Schedule(action, spec, SchedulePolicy(ScheduleOverlapPolicy.ALLOW_ALL))
        try:
            await self._client.create_schedule(SCHEDULE_ID, schedule, rpc_timeout=RPC_TIMEOUT)
        except ScheduleAlreadyRunningError:
            return  # by an earlier try

    async def _delete_schedule(self) -> None:
        try:
            await self._client.get_schedule_handle(SCHEDULE_ID).delete(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:  # an earlier try deleted it
                raise

    async def _lane(self) -> None:
        while True:
            if self._unfinished:
                task = self._unfinished.pop()
            elif self._book.is_closed:
                return
            else:
                task = f"{self._name}-{next(self._numbers)}"
            await self._drive(task)

    async def _drive(self, task: str) -> None:
        plan = task_plan_of(self._seed, number_of(task))
        self._book.note(task, ledger.START)

        async def start() -> str | None:
            try:
                handle = await self._client.start_activity(
                    task_work,
                    id=task,
                    task_queue=LIMITED_QUEUE if plan.kind is TaskKind.LIMITED else TASK_QUEUE,
                    id_reuse_policy=ActivityIDReusePolicy.REJECT_DUPLICATE,
                    rpc_timeout=RPC_TIMEOUT,
                    **options_of(plan),
                )
            except ActivityAlreadyStartedError as error:  # by an earlier try, whose answer did not come
                return error.run_id
            run_id: str | None = handle.run_id
            return run_id

        self._book.note(task, ledger.STARTED, await insist(start))

        async def wait() -> dict[str, Any]:
            handle = self._client.get_activity_handle(task)
            try:
                return {"status": "COMPLETED", "result": await handle.result(rpc_timeout=RPC_TIMEOUT)}
            except ActivityFailureError as error:
                return {"status": "FAILED", "result": str(error.cause)}

        self._book.note(task, ledger.ENDED, await insist(wait))


async def main(name: str, seed: int, lanes: int) -> None:
    async with await insist(Client.connect) as client:
        book = DriverLedger(Path(os.environ[ledger.ENVIRONMENT]), name, kind=ledger.TASKS)
        await TaskDriver(client, book, name, seed).run(lanes)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
