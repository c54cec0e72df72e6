"""A report made by children: each region is a workflow of its own, with its own history, retries and timeouts.

The parent starts them all, asks one for more by a signal, copes with one that fails, and adds up what they say. Should
the parent be terminated, its children are too; `parent_close_policy` says otherwise.

    perdure dev                                # in one terminal
    python sdk/examples/child_workflow.py      # in another
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

from perdure import activity, workflow
from perdure.client import Client
from perdure.exceptions import ApplicationError, ChildWorkflowError
from perdure.worker import Worker

TASK_QUEUE = "reports"
STEP_TIMEOUT = timedelta(seconds=10)


@activity.defn
async def sales_of(region: str, quarter: int) -> int:
    if region == "atlantis":
        raise ApplicationError("there is no such region", type="UnknownRegion", non_retryable=True)
    return len(region) * 100 + quarter


@workflow.defn
class RegionReport:
    """The sales of one region. Quarters beyond the first are added when they are asked for."""

    def __init__(self) -> None:
        self.quarters = [1]
        self.is_complete = True

    @workflow.run
    async def run(self, region: str, wait_for_more: bool) -> int:
        self.is_complete = not wait_for_more
        await workflow.wait_condition(lambda: self.is_complete)
        sales = [
            await workflow.execute_activity(sales_of, region, quarter, start_to_close_timeout=STEP_TIMEOUT)
            for quarter in self.quarters
        ]
        return sum(sales)

    @workflow.signal
    def add_quarter(self, quarter: int) -> None:
        self.quarters.append(quarter)
        self.is_complete = True


@workflow.defn
class YearReport:
    @workflow.run
    async def run(self, regions: list[str]) -> str:
        own_id = workflow.info().workflow_id
        slow = await workflow.start_child_workflow(RegionReport.run, args=["europe", True], id=f"{own_id}-europe")
        results = await asyncio.gather(
            *(
                workflow.execute_child_workflow(RegionReport.run, args=[region, False], id=f"{own_id}-{region}")
                for region in regions
            ),
            return_exceptions=True,
        )
        lines = []
        for region, result in zip(regions, results, strict=True):
            if isinstance(result, ChildWorkflowError):
                activity_error = result.cause  # what failed in the child; its cause says why
                lines.append(f"{region}: failed ({activity_error.__cause__ if activity_error else result})")
            elif isinstance(result, BaseException):
                raise result
            else:
                lines.append(f"{region}: {result}")
        await slow.signal(RegionReport.add_quarter, 2)
        lines.append(f"{slow.id.removeprefix(own_id + '-')}: {await slow}")
        return "\n".join(lines)


async def main() -> None:
    async with (
        await Client.connect() as client,
        Worker(client, task_queue=TASK_QUEUE, workflows=[YearReport, RegionReport], activities=[sales_of]),
    ):
        report = await client.execute_workflow(
            YearReport.run, ["asia", "africa", "atlantis"], id=f"report-{uuid.uuid4().hex[:8]}", task_queue=TASK_QUEUE
        )
    print(report)


if __name__ == "__main__":
    asyncio.run(main())
