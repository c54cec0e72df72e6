"""A report that a schedule starts: by the clock, at once by hand, and for days that are over.

The engines carry the schedule on, whether or not this program runs. Each moment starts one workflow, whose id has the
moment behind it, and which is found by the schedule.

    perdure dev                                            # in one terminal
    python sdk/examples/schedule.py                        # in another
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

from perdure import workflow
from perdure.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleBackfill,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from perdure.worker import Worker

TASK_QUEUE = "scheduled-reports"


@workflow.defn
class Report:
    @workflow.run
    async def run(self, title: str) -> str:
        return f"{title}: all is well"


async def main() -> None:
    async with await Client.connect() as client, Worker(client, task_queue=TASK_QUEUE, workflows=[Report]):
        schedule_id = f"reports-{uuid.uuid4().hex[:8]}"
        schedule = await client.create_schedule(
            schedule_id,
            Schedule(
                ScheduleActionStartWorkflow(Report.run, "every second", id=schedule_id, task_queue=TASK_QUEUE),
                ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(seconds=1))]),
                SchedulePolicy(overlap=ScheduleOverlapPolicy.BUFFER_ONE, catchup_window=timedelta(hours=1)),
            ),
        )
        print("by the clock:", await taken(schedule, 2))
        await schedule.pause(note="enough of this")

        # On weekdays at nine in Berlin, whatever the clocks there do.
        def nine_in_berlin(input: ScheduleUpdateInput) -> ScheduleUpdate:
            changed = input.description.schedule
            changed.spec = ScheduleSpec(cron_expressions=["0 9 * * MON-FRI"], time_zone_name="Europe/Berlin")
            return ScheduleUpdate(changed)

        await schedule.update(nine_in_berlin)
        before = (await schedule.describe()).info.num_actions
        await schedule.trigger(overlap=ScheduleOverlapPolicy.ALLOW_ALL)
        week = datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 20, 23, tzinfo=UTC)
        await schedule.backfill(ScheduleBackfill(*week, overlap=ScheduleOverlapPolicy.ALLOW_ALL))
        print("by hand, and for the days of a week:", await taken(schedule, before + 6) - before)

        await schedule.delete()


async def taken(schedule: ScheduleHandle, count: int) -> int:
    """Wait until the schedule has taken so many actions."""
    while (found := (await schedule.describe()).info.num_actions) < count:
        await asyncio.sleep(0.1)
    return found


if __name__ == "__main__":
    asyncio.run(main())
