"""Heartbeats: how far an activity is, for the next attempt; and how it is told to stop.

An import of a hundred rows breaks off in the middle. The next attempt begins at the row that the last heartbeat named.
A second import is cancelled: the activity notices, tidies up, and lets the cancellation through.

    perdure dev                               # in another terminal
    python sdk/examples/heartbeats.py
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from datetime import timedelta

from perdure import activity, workflow
from perdure.client import Client, PendingActivityState, WorkflowFailureError, WorkflowHandle
from perdure.common import RetryPolicy
from perdure.worker import Worker

TASK_QUEUE = "heartbeats"
ROWS = 100


@activity.defn
async def import_rows(breaks_at: int) -> str:
    info = activity.info()
    first = info.heartbeat_details[0] if info.heartbeat_details else 0
    try:
        for row in range(first, ROWS):
            if row == breaks_at and info.attempt == 1:
                raise ConnectionError("the file server has gone")
            await asyncio.sleep(0.005)
            activity.heartbeat(row + 1)  # cheap: sent at most once in 0.8 of the heartbeat timeout, and when it fails
    except asyncio.CancelledError:
        print("the import tidies up")
        raise  # "I have stopped"; without it, the activity would have completed in spite of all
    return f"attempt {info.attempt} began at row {first}"


@workflow.defn
class Import:
    @workflow.run
    async def run(self, breaks_at: int) -> str:
        return await workflow.execute_activity(
            import_rows,
            breaks_at,
            start_to_close_timeout=timedelta(minutes=10),
            heartbeat_timeout=timedelta(seconds=5),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100)),
            # Wait until the activity has tidied up; by default, the workflow goes on at once.
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )


async def until_it_runs(handle: WorkflowHandle[Import, str]) -> None:
    while not any(
        pending.state == PendingActivityState.STARTED for pending in (await handle.describe()).pending_activities
    ):
        await asyncio.sleep(0.05)


async def main() -> None:
    logging.getLogger("perdure").setLevel(logging.ERROR)
    async with (
        await Client.connect() as client,
        Worker(client, task_queue=TASK_QUEUE, workflows=[Import], activities=[import_rows]),
    ):
        name = uuid.uuid4().hex[:8]
        print(await client.execute_workflow(Import.run, 60, id=f"import-{name}", task_queue=TASK_QUEUE))
        handle = await client.start_workflow(Import.run, ROWS, id=f"unwanted-{name}", task_queue=TASK_QUEUE)
        await until_it_runs(handle)
        await handle.cancel()
        try:
            await handle.result()
        except WorkflowFailureError as error:
            print(f"the workflow was cancelled: {type(error.cause).__name__}")


if __name__ == "__main__":
    asyncio.run(main())
