"""`Worker`, against a real engine in memory: whole workflows."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from perdure import activity, workflow
from perdure.client import WorkflowFailureError
from perdure.common import RetryPolicy
from perdure.exceptions import ActivityError, ApplicationError, CancelledError
from perdure.worker import PollerBehaviorAutoscaling, Replayer, Worker, WorkerTuner
from tests.memory_cluster import memory_cluster
from tests.waiting import wait_until
from tests.worker_stage import stage

QUEUE = "orders"
TIMEOUT = timedelta(seconds=20)


@activity.defn
async def greet(name: str) -> str:
    return f"Hello, {name}"


@activity.defn
def count_letters(text: str) -> int:
    return len(text)


@activity.defn
async def fail_twice() -> int:
    attempt = activity.info().attempt
    if attempt < 3:
        raise ValueError("not yet")
    return attempt


@activity.defn
async def wait_for_ever() -> None:
    await asyncio.Event().wait()


@workflow.defn
class Order:
    def __init__(self) -> None:
        self.approved = False

    @workflow.run
    async def run(self, name: str) -> list[object]:
        text = await workflow.execute_activity(greet, name, start_to_close_timeout=TIMEOUT)
        letters = await workflow.execute_activity(count_letters, text, start_to_close_timeout=TIMEOUT)
        attempts = await workflow.execute_activity(
            fail_twice,
            start_to_close_timeout=TIMEOUT,
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10)),
        )
        await asyncio.sleep(0.01)
        await workflow.wait_condition(lambda: self.approved)
        return [text, letters, attempts]

    @workflow.signal
    def approve(self) -> None:
        self.approved = True

    @workflow.query
    def is_approved(self) -> bool:
        return self.approved


@workflow.defn
async def patient() -> None:
    await workflow.execute_activity(wait_for_ever, start_to_close_timeout=TIMEOUT)


@workflow.defn
async def hopeless() -> None:
    await workflow.execute_activity(
        fail_twice, start_to_close_timeout=TIMEOUT, retry_policy=RetryPolicy(maximum_attempts=1)
    )


ACTIVITIES = [greet, count_letters, fail_twice, wait_for_ever]
WORKFLOWS = [Order, patient, hopeless]


@pytest.mark.parametrize("cached", [1000, 0])
async def test_a_workflow_from_start_to_result(cached: int) -> None:
    async with memory_cluster() as client:
        worker = Worker(
            client, task_queue=QUEUE, activities=ACTIVITIES, workflows=WORKFLOWS, max_cached_workflows=cached
        )
        async with worker:
            handle = await client.start_workflow(Order.run, "Ann", id="order", task_queue=QUEUE)
            assert not await handle.query(Order.is_approved)
            await handle.signal(Order.approve)
            assert await handle.result() == ["Hello, Ann", 10, 3]
            assert await handle.query(Order.is_approved)
            history = await handle.fetch_history()
        await Replayer(workflows=WORKFLOWS).replay_workflow(history)


async def test_a_second_worker_goes_on_where_the_first_stopped() -> None:
    async with memory_cluster() as client:
        async with Worker(client, task_queue=QUEUE, activities=ACTIVITIES, workflows=WORKFLOWS):
            handle = await client.start_workflow(Order.run, "Ann", id="order", task_queue=QUEUE)

            async def is_waiting() -> bool:
                description = await handle.describe()
                return description.history_length > 20

            await wait_until(is_waiting, what="the workflow to wait for its approval")
        async with Worker(client, task_queue=QUEUE, activities=ACTIVITIES, workflows=WORKFLOWS):
            await handle.signal(Order.approve)
            assert await handle.result() == ["Hello, Ann", 10, 3]


async def test_cancellation_reaches_the_running_activity() -> None:
    async with (
        memory_cluster() as client,
        Worker(client, task_queue=QUEUE, activities=ACTIVITIES, workflows=WORKFLOWS),
    ):
        handle = await client.start_workflow(patient, id="patient", task_queue=QUEUE)

        async def is_running() -> bool:
            return any(pending.worker for pending in (await handle.describe()).pending_activities)

        await wait_until(is_running, what="a running activity")
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
        assert isinstance(caught.value.cause, CancelledError)


async def test_a_failure_comes_back_with_its_causes() -> None:
    async with (
        memory_cluster() as client,
        Worker(client, task_queue=QUEUE, activities=ACTIVITIES, workflows=WORKFLOWS),
    ):
        with pytest.raises(WorkflowFailureError) as caught:
            await client.execute_workflow(hopeless, id="hopeless", task_queue=QUEUE)
        error = caught.value.cause
        assert isinstance(error, ActivityError)
        assert isinstance(error.cause, ApplicationError)
        assert error.cause.type == "ValueError"


async def test_a_worker_runs_once_and_until_it_is_told() -> None:
    async with stage() as on:
        worker = Worker(on.client, task_queue=QUEUE, activities=ACTIVITIES)
        assert not worker.is_running
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(0)
        assert worker.is_running
        assert (worker.task_queue, worker.client) == (QUEUE, on.client)
        await worker.shutdown()
        await running
        assert worker.is_shutdown
        with pytest.raises(RuntimeError, match="runs once"):
            await worker.run()
        await worker.shutdown()


async def test_a_cancelled_worker_shuts_down_first() -> None:
    async with stage() as on:
        worker = Worker(on.client, task_queue=QUEUE, activities=ACTIVITIES)
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert worker.is_shutdown


async def test_mistakes_are_named() -> None:
    async with stage() as on:
        with pytest.raises(ValueError, match="needs workflows, activities or both"):
            Worker(on.client, task_queue=QUEUE)
        with pytest.raises(ValueError, match="NUL"):
            Worker(on.client, task_queue="a\0", activities=ACTIVITIES)
        with pytest.raises(ValueError, match="max_concurrent_activities is 0"):
            Worker(on.client, task_queue=QUEUE, activities=ACTIVITIES, max_concurrent_activities=0)
        with pytest.raises(TypeError, match="is no worker interceptor"):
            Worker(on.client, task_queue=QUEUE, activities=ACTIVITIES, interceptors=[object()])  # type: ignore[list-item]
        with pytest.raises(ValueError, match="max_activities_per_second is 0; it must be above 0"):
            Worker(on.client, task_queue=QUEUE, activities=ACTIVITIES, max_activities_per_second=0)


async def test_a_rate_of_the_queue_is_kept_by_each_worker_and_said_to_be() -> None:
    async with stage() as on:
        with pytest.warns(UserWarning, match="kept by each worker for itself"):
            Worker(on.client, task_queue=QUEUE, activities=ACTIVITIES, max_task_queue_activities_per_second=5)


async def test_what_ends_a_worker_is_told_before_it_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[BaseException] = []

    async def tell(error: BaseException) -> None:
        told.append(error)

    async def fail(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("perdure.worker.worker_run.WorkerRun.run", fail)
    async with stage() as on:
        worker = Worker(on.client, task_queue=QUEUE, activities=ACTIVITIES, on_fatal_error=tell)
        with pytest.raises(RuntimeError, match="broken") as raised:
            await worker.run()
        assert told == [raised.value]


async def test_what_was_for_tuning_is_accepted() -> None:
    async with stage() as on:
        Worker(
            on.client,
            task_queue=QUEUE,
            activities=ACTIVITIES,
            tuner=WorkerTuner.create_fixed(activity_slots=3),
            workflow_task_poller_behavior=PollerBehaviorAutoscaling(initial=5),
            max_concurrent_activity_task_polls=2,
            disable_eager_activity_execution=True,
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        )
