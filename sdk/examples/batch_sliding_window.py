"""A batch of any length, a window of it at a time: each record is a child workflow, and so many run at once.

The children are abandoned to themselves, since the batch continues as new now and then so that its history stays short:
a parent that closes would take them along. So they tell the batch by a signal when they have done, whichever run of it
is open by then. As one ends, the next one starts: no record waits for the slowest of its page.

    perdure dev                                      # in one terminal
    python sdk/examples/batch_sliding_window.py      # in another
"""

from __future__ import annotations

import argparse
import asyncio
import uuid
from dataclasses import dataclass, field

from perdure import workflow
from perdure.client import Client
from perdure.worker import Worker
from perdure.workflow import ParentClosePolicy

TASK_QUEUE = "batches"


@dataclass
class Progress:
    """What one run of the batch hands to the next."""

    records: int
    window: int
    starts_a_run: int
    next_record: int = 0
    done: int = 0
    running: list[int] = field(default_factory=list)


@workflow.defn
class ProcessRecord:
    @workflow.run
    async def run(self, record: int) -> None:
        await workflow.sleep(workflow.random().uniform(0.01, 0.05))  # here the record would be processed
        parent = workflow.info().parent
        assert parent is not None
        await workflow.get_external_workflow_handle_for(SlidingWindow.run, parent.workflow_id).signal(
            SlidingWindow.record_done, record
        )


@workflow.defn
class SlidingWindow:
    @workflow.init
    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.running = dict.fromkeys(progress.running)  # in order: a workflow must not iterate over a set

    @workflow.signal
    def record_done(self, record: int) -> None:
        # Here before the run method begins, if it was sent to the run before.
        if record in self.running:
            del self.running[record]
            self.progress.done += 1

    @workflow.run
    async def run(self, progress: Progress) -> int:
        for _ in range(progress.starts_a_run):
            await workflow.wait_condition(lambda: len(self.running) < progress.window)
            if progress.next_record == progress.records:
                break
            record = progress.next_record
            progress.next_record += 1
            self.running[record] = None
            await workflow.start_child_workflow(
                ProcessRecord.run,
                record,
                id=f"{workflow.info().workflow_id}-{record}",
                parent_close_policy=ParentClosePolicy.ABANDON,
            )
        if progress.next_record < progress.records:
            progress.running = list(self.running)
            workflow.continue_as_new(progress)
        await workflow.wait_condition(lambda: not self.running)
        return progress.done


async def main() -> None:
    parser = argparse.ArgumentParser(description="Process a batch by a sliding window of child workflows.")
    parser.add_argument("--records", type=int, default=60)
    parser.add_argument("--window", type=int, default=10)
    options = parser.parse_args()
    async with (
        await Client.connect() as client,
        Worker(client, task_queue=TASK_QUEUE, workflows=[SlidingWindow, ProcessRecord]),
    ):
        handle = await client.start_workflow(
            SlidingWindow.run,
            Progress(options.records, options.window, starts_a_run=25),
            id=f"batch-{uuid.uuid4().hex[:8]}",
            task_queue=TASK_QUEUE,
        )
        done = await handle.result()
        last = await handle.describe()
    print(f"{done} of {options.records} records, at most {options.window} at a time")
    print(f"the batch went on in new runs: {last.run_id != handle.first_execution_run_id}")


if __name__ == "__main__":
    asyncio.run(main())
