"""A test module as teams have it: time that is skipped, activities mocked by name, a replay, an activity alone."""

import asyncio
import dataclasses
import uuid
from datetime import timedelta
from typing import Any, AsyncIterator, List, Tuple

import pytest
import pytest_asyncio
from temporalio import activity, workflow
from temporalio.client import WorkflowFailureError, WorkflowHistory
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker


@activity.defn
async def water(bed: str) -> str:
    activity.heartbeat("can", 5)
    return f"watered {bed} in attempt {activity.info().attempt}"


@workflow.defn
class Season:
    def __init__(self) -> None:
        self.rain = 0

    @workflow.run
    async def run(self, days: int) -> str:
        for _ in range(days):
            await asyncio.sleep(timedelta(days=1).total_seconds())
        if days > 50:
            raise ApplicationError("winter")
        watered = await workflow.execute_activity(water, "beans", start_to_close_timeout=timedelta(seconds=10))
        return f"{watered}, rain {self.rain}"

    @workflow.signal
    def it_rains(self) -> None:
        self.rain += 1


@pytest_asyncio.fixture
async def env() -> AsyncIterator[WorkflowEnvironment]:
    environment = await WorkflowEnvironment.start_time_skipping()
    yield environment
    await environment.shutdown()


@pytest.mark.asyncio
async def test_a_season_passes_and_is_replayed(env: WorkflowEnvironment) -> None:
    queue = str(uuid.uuid4())
    async with Worker(env.client, task_queue=queue, workflows=[Season], activities=[water]):
        handle = await env.client.start_workflow(Season.run, 20, id=str(uuid.uuid4()), task_queue=queue)
        before = await env.get_current_time()
        await env.sleep(timedelta(days=3))
        assert await env.get_current_time() - before >= timedelta(days=3)
        await handle.signal(Season.it_rains)
        assert await handle.result() == "watered beans in attempt 1, rain 1"
        history = await handle.fetch_history()
    await Replayer(workflows=[Season]).replay_workflow(WorkflowHistory.from_json(handle.id, history.to_json()))


@pytest.mark.asyncio
async def test_activities_are_mocked_by_name(env: WorkflowEnvironment) -> None:
    @activity.defn(name="water")
    async def no_water(bed: str) -> str:
        return f"looked at {bed}"

    async with Worker(
        env.client,
        task_queue="garden",
        workflows=[Season],
        activities=[no_water],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        told = await env.client.execute_workflow(Season.run, 1, id="mocked", task_queue="garden")
        assert told == "looked at beans, rain 0"
        with pytest.raises(WorkflowFailureError) as raised:
            await env.client.execute_workflow(Season.run, 60, id="winter", task_queue="garden")
        assert isinstance(raised.value.cause, ApplicationError)


@pytest.mark.asyncio
async def test_an_activity_alone() -> None:
    environment = ActivityEnvironment()
    beats: List[Tuple[Any, ...]] = []
    environment.on_heartbeat = lambda *details: beats.append(details)
    environment.info = dataclasses.replace(environment.info, attempt=2)
    assert await environment.run(water, "peas") == "watered peas in attempt 2"
    assert beats == [("can", 5)]
