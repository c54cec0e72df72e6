"""Local activities with a real engine: what they leave in the history, and how they outlive their worker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from perdure import activity, workflow
from perdure.client import WorkflowHandle
from perdure.common import RetryPolicy
from perdure.protocol.events import EventType
from perdure.worker import Replayer, Worker
from tests.memory_cluster import memory_cluster
from tests.waiting import wait_until

QUEUE = "local"
TIMEOUT = timedelta(seconds=20)
SHORT = timedelta(milliseconds=10)


class Seen:
    def __init__(self) -> None:
        self.begun = 0
        self.gate = asyncio.Event()


@activity.defn
async def greet(name: str) -> str:
    info = activity.info()
    return f"{name} {info.is_local} {info.attempt}"


@activity.defn
def add(one: int, other: int) -> int:
    return one + other


@activity.defn
async def succeed_third() -> int:
    if activity.info().attempt < 3:
        raise ValueError("not yet")
    return activity.info().attempt


SEEN = Seen()


@activity.defn
async def wait_at_gate() -> str:
    SEEN.begun += 1
    await SEEN.gate.wait()
    return "through"


@workflow.defn
class Locals:
    def __init__(self) -> None:
        self.pokes = 0

    @workflow.run
    async def run(self) -> list[object]:
        retry = RetryPolicy(initial_interval=timedelta(milliseconds=30), backoff_coefficient=1.0)
        return [
            await workflow.execute_local_activity(greet, "ada", start_to_close_timeout=TIMEOUT),
            await workflow.execute_activity(greet, "lin", start_to_close_timeout=TIMEOUT),
            *await asyncio.gather(
                *(workflow.execute_local_activity(add, n, 1, start_to_close_timeout=TIMEOUT) for n in range(3))
            ),
            await workflow.execute_local_activity(succeed_third, start_to_close_timeout=TIMEOUT, retry_policy=retry),
            await workflow.execute_local_activity(
                succeed_third, start_to_close_timeout=TIMEOUT, retry_policy=retry, local_retry_threshold=SHORT
            ),
        ]


@workflow.defn
class Gated:
    def __init__(self) -> None:
        self.pokes = 0

    @workflow.run
    async def run(self) -> str:
        text = await workflow.execute_local_activity(wait_at_gate, start_to_close_timeout=TIMEOUT)
        return f"{text} after {self.pokes}"

    @workflow.signal
    def poke(self) -> None:
        self.pokes += 1


@workflow.defn
class Served:
    """Does nothing but what updates ask for."""

    def __init__(self) -> None:
        self.is_over = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self.is_over)

    @workflow.update
    async def serve(self) -> str:
        text = await workflow.execute_local_activity(wait_at_gate, start_to_close_timeout=TIMEOUT)
        self.is_over = True
        return text


WORKFLOWS = [Locals, Gated, Served]
ACTIVITIES = [greet, add, succeed_third, wait_at_gate]


async def test_they_are_markers_and_replay() -> None:
    async with memory_cluster() as client:
        async with Worker(client, task_queue=QUEUE, workflows=WORKFLOWS, activities=ACTIVITIES):
            handle = await client.start_workflow(Locals.run, id="locals", task_queue=QUEUE)
            assert await handle.result() == ["ada True 1", "lin False 1", 1, 2, 3, 3, 3]
        history = await handle.fetch_history()
        kinds = [event.event_type for event in history.events]
        assert kinds.count(EventType.MARKER_RECORDED) == 8, "two of them say to wait"
        assert kinds.count(EventType.TIMER_FIRED) == 2
        assert kinds.count(EventType.ACTIVITY_TASK_SCHEDULED) == 1
        await Replayer(workflows=WORKFLOWS).replay_workflow(history)


async def test_a_long_one_lets_signals_in_and_is_not_begun_again() -> None:
    global SEEN
    SEEN = Seen()
    async with (
        memory_cluster() as client,
        Worker(client, task_queue=QUEUE, workflows=WORKFLOWS, activities=ACTIVITIES, no_remote_activities=True),
    ):
        task_timeout = timedelta(milliseconds=200)
        handle = await client.start_workflow(Gated.run, id="gated", task_queue=QUEUE, task_timeout=task_timeout)
        await handle.signal(Gated.poke)

        await wait_until(_completed(handle, 3), what="the task to be extended")
        SEEN.gate.set()
        assert await handle.result() == "through after 1"
        assert SEEN.begun == 1
        await Replayer(workflows=WORKFLOWS).replay_workflow(await handle.fetch_history())


async def test_an_update_may_take_longer_than_its_task() -> None:
    """Its task is out for the update alone, and becomes an ordinary one."""
    global SEEN
    SEEN = Seen()
    async with (
        memory_cluster() as client,
        Worker(client, task_queue=QUEUE, workflows=WORKFLOWS, activities=ACTIVITIES, no_remote_activities=True),
    ):
        task_timeout = timedelta(milliseconds=200)
        handle = await client.start_workflow(Served.run, id="served", task_queue=QUEUE, task_timeout=task_timeout)
        await wait_until(_completed(handle, 1), what="the first task to be completed")
        serving = asyncio.create_task(handle.execute_update(Served.serve))
        await wait_until(_completed(handle, 3), what="the task of the update to be extended")
        SEEN.gate.set()
        assert await serving == "through"
        await handle.result()
        assert SEEN.begun == 1
        await Replayer(workflows=WORKFLOWS).replay_workflow(await handle.fetch_history())


def _completed(handle: WorkflowHandle[Any, Any], count: int) -> Callable[[], Awaitable[bool]]:
    """Whether so many workflow tasks are."""

    async def look() -> bool:
        events = [event async for event in handle.fetch_history_events()]
        return sum(event.event_type == EventType.WORKFLOW_TASK_COMPLETED for event in events) >= count

    return look


async def test_another_worker_begins_it_anew() -> None:
    global SEEN
    SEEN = Seen()
    async with memory_cluster() as client:
        async with Worker(client, task_queue=QUEUE, workflows=WORKFLOWS, activities=ACTIVITIES):
            handle = await client.start_workflow(Gated.run, id="gated", task_queue=QUEUE)

            async def begun() -> bool:
                return SEEN.begun == 1

            await wait_until(begun, what="the local activity to begin")
        SEEN.gate.set()
        async with Worker(client, task_queue=QUEUE, workflows=WORKFLOWS, activities=ACTIVITIES):
            assert await handle.result() == "through after 0"
        assert SEEN.begun == 2
        await Replayer(workflows=WORKFLOWS).replay_workflow(await handle.fetch_history())
