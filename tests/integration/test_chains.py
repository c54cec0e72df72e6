"""Chains of runs on real servers: continued, retried, scheduled and reset, and followed to their result."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perdure import activity, workflow
from perdure.client import (
    Client,
    WorkflowContinuedAsNewError,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowResetPoint,
)
from perdure.common import RetryPolicy
from perdure.exceptions import ApplicationError
from perdure.protocol.events import EventType
from perdure.worker import Worker
from tests.waiting import wait_until

MINUTE = timedelta(minutes=1)


@pytest.fixture
def client(shared_client: Client) -> Client:
    """What these tests start has names of its own."""
    return shared_client


@workflow.defn
class Countdown:
    @workflow.run
    async def run(self, count: int) -> str:
        if count:
            workflow.continue_as_new(count - 1, memo={"count": count - 1})
        return f"{workflow.info().first_execution_run_id} {workflow.memo_value('count')}"


@workflow.defn
class ThirdTime:
    @workflow.run
    async def run(self) -> str:
        if workflow.info().attempt < 3:
            raise ApplicationError(f"attempt {workflow.info().attempt}", type="Odd")
        return f"after {workflow.get_last_failure()}"


@workflow.defn
class EverySecond:
    @workflow.run
    async def run(self) -> int:
        return (workflow.get_last_completion_result(int) or 0) + 1


calls: list[str] = []


@activity.defn
async def book(what: str) -> str:
    calls.append(what)
    return f"{what} {len(calls)}"


@workflow.defn
class Booking:
    """Asks its own chance, which must not change by a reset what was done before."""

    def __init__(self) -> None:
        self.answers: list[str] = []

    @workflow.run
    async def run(self) -> list[str]:
        number = workflow.random().randrange(10**9)
        kept = await workflow.execute_activity(book, f"seat-{number}", start_to_close_timeout=MINUTE)
        await workflow.wait_condition(lambda: bool(self.answers))
        again = await workflow.execute_activity(book, f"meal-{number}", start_to_close_timeout=MINUTE)
        return [kept, again, *self.answers, str(workflow.random().randrange(10**9))]

    @workflow.signal
    def answer(self, text: str) -> None:
        self.answers.append(text)


async def test_a_result_is_followed_through_the_chain(client: Client) -> None:
    async with Worker(client, task_queue="q", workflows=[Countdown, ThirdTime, EverySecond]):
        handle = await client.start_workflow(Countdown.run, 5, id="countdown", task_queue="q")
        assert await handle.result() == f"{handle.result_run_id} 0"
        with pytest.raises(WorkflowContinuedAsNewError):
            await handle.result(follow_runs=False)
        assert await client.execute_workflow(Countdown.run, 2, id="again", task_queue="q")

        policy = RetryPolicy(initial_interval=timedelta(milliseconds=50))
        third = await client.execute_workflow(ThirdTime.run, id="third", task_queue="q", retry_policy=policy)
        assert third == "after Odd: attempt 2"
        policy = RetryPolicy(initial_interval=timedelta(milliseconds=50), maximum_attempts=2)
        with pytest.raises(WorkflowFailureError) as failed:
            await client.execute_workflow(ThirdTime.run, id="twice", task_queue="q", retry_policy=policy)
        assert "attempt 2" in str(failed.value.__cause__)

        cron = await client.start_workflow(EverySecond.run, id="cron", task_queue="q", cron_schedule="@every 1s")
        with pytest.raises(ValueError, match="must have five fields"):
            await client.start_workflow(EverySecond.run, id="odd", task_queue="q", cron_schedule="daily")

        async def has_run_twice() -> bool:
            runs = [run async for run in client.list_workflows("WorkflowId = 'cron'")]
            return sum(run.status == WorkflowExecutionStatus.COMPLETED for run in runs) >= 2

        await wait_until(has_run_twice, what="two runs of the schedule")
        await cron.cancel()

    runs = [run async for run in client.list_workflows("WorkflowId = 'countdown'")]
    statuses = sorted(str(run.status.name) for run in runs if run.status is not None)
    assert statuses == ["COMPLETED"] + ["CONTINUED_AS_NEW"] * 5


async def test_a_reset_goes_on_from_its_point(client: Client) -> None:
    calls.clear()
    async with Worker(client, task_queue="q", workflows=[Booking], activities=[book]):
        handle = await client.start_workflow(Booking.run, id="booking", task_queue="q")
        await handle.signal(Booking.answer, "yes")
        first = await handle.result()
        new = await handle.reset(reason="the meal was cold")
        second = await new.result()
        assert second[:3] == first[:3], "it was only the last task that was done anew"
        assert second[3] != first[3], "its chance is its own"
        assert len(calls) == 2

        third = await (await handle.reset(WorkflowResetPoint.FIRST_WORKFLOW_TASK)).result()
        assert third[2] == "yes", "the signal was applied again"
        assert len(calls) == 4

    description = await new.describe()
    assert description.status == WorkflowExecutionStatus.COMPLETED
    history = await client.get_workflow_handle("booking", run_id=new.result_run_id).fetch_history()
    [failed] = [e for e in history.events if e.event_type == EventType.WORKFLOW_TASK_FAILED]
    assert failed.attributes.cause == "RESET_WORKFLOW"


@workflow.defn
class Boss:
    @workflow.run
    async def run(self) -> list[str]:
        return await workflow.execute_child_workflow(Booking.run, id="employee")


async def test_the_outcome_of_a_child_reaches_the_run_that_a_reset_began(client: Client) -> None:
    async with Worker(client, task_queue="q", workflows=[Boss, Booking], activities=[book]):
        handle = await client.start_workflow(Boss.run, id="boss", task_queue="q")

        async def has_child() -> bool:
            history = await handle.fetch_history()
            return [e.event_type for e in history.events][-1] == EventType.WORKFLOW_TASK_COMPLETED and any(
                e.event_type == EventType.CHILD_WORKFLOW_EXECUTION_STARTED for e in history.events
            )

        await wait_until(has_child, what="the child is started, and its parent knows")
        await handle.reset()
        await client.get_workflow_handle("employee").signal(Booking.answer, "done")
        assert (await handle.result())[2] == "done"


async def test_who_waits_for_a_run_is_led_to_what_a_reset_put_in_its_place(client: Client) -> None:
    calls.clear()
    async with Worker(client, task_queue="q", workflows=[Booking], activities=[book]):
        handle = await client.start_workflow(Booking.run, id="led", task_queue="q")

        async def can_be_reset() -> bool:
            history = await handle.fetch_history()
            return any(e.event_type == EventType.ACTIVITY_TASK_COMPLETED for e in history.events)

        await wait_until(can_be_reset, what="the first step is done")
        await handle.reset(WorkflowResetPoint.FIRST_WORKFLOW_TASK)
        await handle.signal(Booking.answer, "after")
        assert (await handle.result())[2] == "after"
