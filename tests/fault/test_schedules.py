"""Schedules on real servers, while the engines that carry them on are killed: no moment is missed, none taken twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from perdure.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from tests.cluster import Cluster
from tests.waiting import wait_until

SCHEDULES = 5


def schedule(name: str) -> Schedule:
    return Schedule(
        ScheduleActionStartWorkflow("Nobody", id=name, task_queue="nobody"),  # started, and never carried on
        ScheduleSpec(intervals=[ScheduleIntervalSpec(timedelta(seconds=1))]),
        SchedulePolicy(overlap=ScheduleOverlapPolicy.ALLOW_ALL),
    )


async def taken(handle: ScheduleHandle) -> int:
    return (await handle.describe()).info.num_actions


async def moments(client: Client, name: str) -> list[datetime]:
    """The moments of the workflows that a schedule started, from their ids."""
    rows = client.list_workflows(f"TemporalScheduledById = '{name}'")
    return sorted([datetime.fromisoformat(row.id.removeprefix(f"{name}-")) async for row in rows])


async def test_no_moment_is_missed_or_doubled_whoever_is_killed(bare_cluster: Cluster) -> None:
    engines = [bare_cluster.start_engine(), bare_cluster.start_engine()]
    await bare_cluster.wait_owners(2)
    client = await bare_cluster.connect()
    names = [f"s{number}" for number in range(SCHEDULES)]
    handles = [await client.create_schedule(name, schedule(name)) for name in names]

    async def all_have_taken(count: int) -> bool:
        return min([await taken(handle) for handle in handles]) >= count

    await wait_until(lambda: all_have_taken(2), what="two actions of each schedule")
    for engine in engines:  # both: for a while there is nobody
        engine.kill()
    bare_cluster.start_engine()
    await wait_until(lambda: all_have_taken(8), what="what was due meanwhile, and more", timeout_seconds=60)
    for name, handle in zip(names, handles, strict=True):
        await handle.pause()
        count = await taken(handle)

        async def listed(name: str = name, count: int = count) -> bool:
            return len(await moments(client, name)) >= count

        await wait_until(listed, what="the lists know what was started")
        found = await moments(client, name)
        gaps = {later - earlier for earlier, later in pairwise(found)}
        assert gaps == {timedelta(seconds=1)}
        info = (await handle.describe()).info
        assert (info.num_actions, info.num_actions_missed_catchup_window) == (len(found), 0)
        assert info.last_error is None
