"""`WorkflowEnvironment`: months pass at once, activities take their time, and nothing else changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from perdure import activity, workflow
from perdure.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleSpec,
    WorkflowFailureError,
    WorkflowUpdateStage,
)
from perdure.exceptions import TimeoutError as PerdureTimeoutError
from perdure.testing import WorkflowEnvironment
from perdure.worker import Worker

QUEUE = "tests"
MINUTE = timedelta(minutes=1)
fast = 20.0
"""Seconds that a jump must take less than by far, on whatever machine: in real time it would be days."""


@activity.defn
async def work(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "worked"


attempts: list[int] = []


@activity.defn
async def fail_twice() -> int:
    attempts.append(activity.info().attempt)
    if len(attempts) < 3:
        raise RuntimeError("not yet")
    return len(attempts)


@workflow.defn
class Reminder:
    """Sleeps, works, and may be told to stop."""

    def __init__(self) -> None:
        self.is_told = False
        self.slept = 0

    @workflow.run
    async def run(self, days: int, seconds: float = 0) -> str:
        began = workflow.now()
        for _ in range(days):
            if self.is_told:
                return "told"
            await workflow.sleep(timedelta(days=1))
            self.slept += 1
        assert workflow.now() - began >= timedelta(days=days)
        return await workflow.execute_activity(work, seconds, start_to_close_timeout=timedelta(days=1))

    @workflow.signal
    def stop(self) -> None:
        self.is_told = True

    @workflow.query
    def days(self) -> int:
        return self.slept


@workflow.defn
class Counter:
    """Is asked to count, and takes a day to do so."""

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)

    @workflow.update
    async def count(self, days: int) -> int:
        await workflow.sleep(timedelta(days=days))
        return days


@workflow.defn
async def patient() -> int:
    return await workflow.execute_activity(fail_twice, start_to_close_timeout=MINUTE)


@workflow.defn
async def nothing_much() -> None:
    return None


@workflow.defn
async def endless() -> None:
    await workflow.wait_condition(lambda: False)


@pytest.fixture
async def env() -> AsyncIterator[WorkflowEnvironment]:
    attempts.clear()
    async with await WorkflowEnvironment.start_time_skipping() as environment:
        workflows = [Reminder, Counter, patient, nothing_much, endless]
        async with Worker(environment.client, task_queue=QUEUE, workflows=workflows, activities=[work, fail_twice]):
            yield environment


async def test_a_month_of_sleep_takes_no_time(env: WorkflowEnvironment) -> None:
    began, began_there = time.monotonic(), await env.get_current_time()
    result = await env.client.execute_workflow(Reminder.run, args=[30, 0.0], id="reminder", task_queue=QUEUE)
    assert result == "worked"
    assert time.monotonic() - began < fast
    assert timedelta(days=30) <= await env.get_current_time() - began_there < timedelta(days=31)
    description = await env.client.get_workflow_handle("reminder").describe()
    assert description.close_time is not None
    assert description.close_time - description.start_time >= timedelta(days=30)


async def test_time_stands_while_nobody_waits_and_sleep_lets_it_pass(env: WorkflowEnvironment) -> None:
    handle = await env.client.start_workflow(Reminder.run, args=[30, 0.0], id="reminder", task_queue=QUEUE)
    assert await handle.query(Reminder.days) == 0
    await env.sleep(timedelta(days=3, hours=1))
    assert await handle.query(Reminder.days) == 3
    await handle.signal(Reminder.stop)
    assert await handle.result() == "told"


async def test_an_activity_takes_its_time_before_any_jump(env: WorkflowEnvironment) -> None:
    waiting = asyncio.create_task(
        env.client.execute_workflow(
            Reminder.run, args=[0, 0.2], id="reminder", task_queue=QUEUE, execution_timeout=timedelta(days=1)
        )
    )
    assert await waiting == "worked"


async def test_the_backoff_of_retries_is_skipped(env: WorkflowEnvironment) -> None:
    assert await env.client.execute_workflow(patient, id="patient", task_queue=QUEUE) == 3
    assert attempts == [1, 2, 3]


async def test_a_timeout_of_years_comes_at_once(env: WorkflowEnvironment) -> None:
    with pytest.raises(WorkflowFailureError) as failed:
        await env.client.execute_workflow(
            endless, id="endless", task_queue=QUEUE, execution_timeout=timedelta(days=3650)
        )
    assert isinstance(failed.value.cause, PerdureTimeoutError)


async def test_who_waits_for_an_update_skips_its_time_as_well(env: WorkflowEnvironment) -> None:
    handle = await env.client.start_workflow(Counter.run, id="counter", task_queue=QUEUE)
    assert await handle.execute_update(Counter.count, 3) == 3
    started = await handle.start_update(Counter.count, 4, wait_for_stage=WorkflowUpdateStage.ACCEPTED)
    assert await started.result() == 4


async def test_waiting_skips_nothing_while_that_is_disabled(env: WorkflowEnvironment) -> None:
    handle = await env.client.start_workflow(Reminder.run, args=[1, 0.0], id="reminder", task_queue=QUEUE)
    with env.auto_time_skipping_disabled():
        began = await env.get_current_time()
        waiting = asyncio.create_task(handle.result())
        assert await handle.query(Reminder.days) == 0
        assert await env.get_current_time() - began < timedelta(hours=1)
        assert not waiting.done()
    assert await waiting == "worked"


async def test_sleep_does_not_wait_for_an_activity_for_ever(env: WorkflowEnvironment) -> None:
    handle = await env.client.start_workflow(Reminder.run, args=[0, 3600.0], id="reminder", task_queue=QUEUE)
    await env.sleep(timedelta(hours=2))
    assert (await handle.describe()).pending_activities
    await handle.terminate()


async def test_two_environments_know_nothing_of_each_other(env: WorkflowEnvironment) -> None:
    async with await WorkflowEnvironment.start_time_skipping(namespace="other") as other:
        await env.client.start_workflow(Reminder.run, args=[1, 0.0], id="reminder", task_queue=QUEUE)
        assert [each async for each in other.client.list_workflows()] == []
        assert other.client.namespace == "other"
        assert other.supports_time_skipping


async def test_an_environment_of_a_client_runs_in_real_time(env: WorkflowEnvironment) -> None:
    real = WorkflowEnvironment.from_client(env.client)
    assert not real.supports_time_skipping
    async with real:
        began = time.monotonic()
        await real.sleep(0.01)
        assert time.monotonic() - began >= 0.01
        with real.auto_time_skipping_disabled():
            assert abs((await real.get_current_time()).timestamp() - time.time()) < fast
    assert await env.client.execute_workflow(Reminder.run, args=[1, 0.0], id="after", task_queue=QUEUE) == "worked"


async def test_schedules_go_by_the_clock_that_is_set_forward(env: WorkflowEnvironment) -> None:
    hourly = Schedule(
        ScheduleActionStartWorkflow(nothing_much, id="hourly", task_queue=QUEUE),
        ScheduleSpec(intervals=[ScheduleIntervalSpec(timedelta(hours=1))]),
    )
    schedule = await env.client.create_schedule("hourly", hourly)
    await env.sleep(timedelta(hours=5))
    info = (await schedule.describe()).info
    assert (info.num_actions, info.num_actions_skipped_overlap) == (5, 0)
    late = [(taken.started_at - taken.scheduled_at).total_seconds() for taken in info.recent_actions]
    assert all(0 <= seconds < fast for seconds in late)
