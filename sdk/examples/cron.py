"""A report that is made again and again by a cron schedule, and knows what it said the last time.

Each time is a run of its own, begun in the transaction that closes the one before. A run may ask for the last result,
and for how the last run failed. A run that fails does not end the schedule; cancelling the workflow does.

    perdure dev                                            # in one terminal
    python sdk/examples/cron.py                            # in another
"""

from __future__ import annotations

import asyncio
import uuid

from perdure import workflow
from perdure.client import Client, WorkflowExecutionStatus
from perdure.exceptions import ApplicationError
from perdure.worker import Worker

TASK_QUEUE = "reports"

SCHEDULE = "@every 1s"
"""Five fields do as well, with a time zone before them: `CRON_TZ=Europe/Berlin 30 8 * * MON-FRI`."""


@workflow.defn
class Report:
    @workflow.run
    async def run(self) -> int:
        number = (workflow.get_last_completion_result(int) or 0) + 1
        if number == 2 and workflow.get_last_failure() is None:
            raise ApplicationError("the numbers did not come in")  # the next run makes up for it
        return number


async def main() -> None:
    async with await Client.connect() as client, Worker(client, task_queue=TASK_QUEUE, workflows=[Report]):
        workflow_id = f"report-{uuid.uuid4().hex[:8]}"
        handle = await client.start_workflow(Report.run, id=workflow_id, task_queue=TASK_QUEUE, cron_schedule=SCHEDULE)
        run_id: str | None = handle.result_run_id
        made = 0
        while made < 3:
            outcome, run_id = await end_of(client, workflow_id, run_id)
            print(outcome)
            made += outcome == WorkflowExecutionStatus.COMPLETED.name
        await handle.cancel()


async def end_of(client: Client, workflow_id: str, run_id: str | None) -> tuple[str, str]:
    """How a run ended, and the run that follows it."""
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    while (found := (await handle.describe()).status) == WorkflowExecutionStatus.RUNNING:
        await asyncio.sleep(0.1)
    last = (await handle.fetch_history()).events[-1]
    assert found is not None
    return found.name, last.attributes.new_execution_run_id


if __name__ == "__main__":
    asyncio.run(main())
