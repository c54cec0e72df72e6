"""Activities that operators pause, unpause and reset while they run or wait."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perdure import activity, workflow
from perdure.client import Client, PendingActivityState, RPCError, RPCStatusCode, WorkflowHandle
from perdure.common import Priority, RetryPolicy
from perdure.protocol.events import EventType
from perdure.worker import Worker
from perdure_store.memory import MemoryStore
from tests.memory_cluster import memory_cluster
from tests.waiting import wait_until

QUEUE = "pausing"

SEEN: list[Any] = []


@pytest.fixture(autouse=True)
async def _fresh() -> None:
    SEEN.clear()


@activity.defn
async def crawl() -> str:
    info = activity.info()
    done = info.heartbeat_details[0] if info.heartbeat_details else 0
    SEEN.append(("began", info.attempt, done))
    while len(SEEN) < 3:
        done += 1
        activity.heartbeat(done)
        await asyncio.sleep(0.02)
    return f"attempt {info.attempt}, from {info.heartbeat_details}"


@activity.defn
async def stumble() -> str:
    SEEN.append(activity.info().attempt)
    if len(SEEN) < 3:
        raise RuntimeError("not yet")
    return f"attempt {activity.info().attempt}"


@activity.defn
async def tell() -> list[Any]:
    info = activity.info()
    assert info.retry_policy is not None
    return [info.priority.priority_key, info.retry_policy.maximum_attempts]


@workflow.defn
class Job:
    @workflow.run
    async def run(self, name: str, attempts: int) -> Any:
        return await workflow.execute_activity(
            name,
            activity_id="it",
            start_to_close_timeout=timedelta(seconds=30),
            heartbeat_timeout=timedelta(seconds=1) if name == "crawl" else None,
            retry_policy=RetryPolicy(initial_interval=timedelta(hours=1), maximum_attempts=attempts),
            priority=Priority(priority_key=2),
        )


def worker_of(client: Client) -> Worker:
    return Worker(client, task_queue=QUEUE, workflows=[Job], activities=[crawl, stumble, tell])


async def started(client: Client, name: str, attempts: int = 0) -> WorkflowHandle[Any, Any]:
    return await client.start_workflow(Job.run, args=[name, attempts], id=f"job-{name}", task_queue=QUEUE)


async def until(handle: WorkflowHandle[Any, Any], state: PendingActivityState) -> int:
    """The attempt that the activity is at, in a state."""

    async def look() -> int | None:
        for pending in (await handle.describe()).pending_activities:
            if pending.state == state:
                return pending.attempt
        return None

    return await wait_until(look, what=f"an activity that is {state.name}")


async def test_one_that_runs_ends_and_goes_on_where_it_was() -> None:
    """Its only attempt is not used up by that."""
    async with memory_cluster() as client, worker_of(client):
        handle = await started(client, "crawl", 1)
        await until(handle, PendingActivityState.STARTED)
        await handle.pause_activity("it", reason="maintenance")
        await until(handle, PendingActivityState.PAUSED)
        await handle.unpause_activity("it")
        await until(handle, PendingActivityState.STARTED)
        await handle.reset_activity(activity_type="crawl", reset_heartbeat=True)
        assert await handle.result() == "attempt 1, from []"
        assert [word for word, *_ in SEEN] == ["began"] * 3
        assert SEEN[1][1:] >= (1, 1), "it begins where it was"
        assert SEEN[2][1:] == (1, 0), "it begins anew"
        with pytest.raises(RPCError, match="is closed already") as late:
            await handle.pause_activity("it")
        assert late.value.status == RPCStatusCode.NOT_FOUND


async def test_one_that_waits_stays_until_it_is_unpaused() -> None:
    async with memory_cluster() as client:
        async with worker_of(client):
            handle = await started(client, "stumble")
            await until(handle, PendingActivityState.SCHEDULED)
            await wait_until(_has_failed(handle), what="the first attempt to fail")
            await handle.pause_activity("it")
            assert await until(handle, PendingActivityState.PAUSED) == 2
            await handle.unpause_activity("it")
            await wait_until(_is_at(handle, 3), what="the second attempt to fail")
            await handle.reset_activity("it", jitter=timedelta(milliseconds=20))
            assert await handle.result() == "attempt 1"
        assert SEEN == [1, 2, 1]
        kinds = [event.event_type async for event in handle.fetch_history_events(include_annotations=True)]
        changes = (EventType.ACTIVITY_PAUSED, EventType.ACTIVITY_UNPAUSED, EventType.ACTIVITY_RESET)
        assert [kind for kind in kinds if kind in changes] == list(changes)


async def test_it_stays_paused_when_engine_and_broker_are_gone() -> None:
    store = MemoryStore()
    SEEN.append("one failure is enough")
    async with memory_cluster(store) as client, worker_of(client):
        handle = await started(client, "stumble")
        await wait_until(_has_failed(handle), what="the first attempt to fail")
        await handle.pause_activity("it")
    async with memory_cluster(store) as client, worker_of(client):
        handle = client.get_workflow_handle("job-stumble")
        assert await until(handle, PendingActivityState.PAUSED) == 2
        await handle.unpause_activity(activity_type="stumble")
        assert await handle.result() == "attempt 2"


def _has_failed(handle: WorkflowHandle[Any, Any]) -> Any:
    return _is_at(handle, 2)


def _is_at(handle: WorkflowHandle[Any, Any], attempt: int) -> Any:
    async def look() -> bool:
        return any(pending.attempt == attempt for pending in (await handle.describe()).pending_activities)

    return look


async def test_what_it_knows_of_itself() -> None:
    async with memory_cluster() as client, worker_of(client):
        assert await (await started(client, "tell", 7)).result() == [2, 7]


async def test_what_is_not_there() -> None:
    async with memory_cluster() as client, worker_of(client):
        with pytest.raises(RPCError, match="there is no workflow 'job-none'"):
            await client.get_workflow_handle("job-none").pause_activity("it")
