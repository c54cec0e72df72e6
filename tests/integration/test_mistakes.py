"""Mistakes that users make: each gives an error that says what to do, and none loses anything."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from perdure import activity, workflow
from perdure.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from perdure.exceptions import PayloadSizeError
from perdure.protocol.events import EventType
from perdure.worker import Worker
from tests.waiting import wait_until

MINUTE = timedelta(minutes=1)
PAYLOAD_OVER_THE_LIMIT_BYTES = 17_000_000


@pytest.fixture
def client(shared_client: Client) -> Client:
    """What these tests start has names of its own."""
    return shared_client


@workflow.defn
class Echo:
    @workflow.run
    async def run(self, text: str) -> str:
        return text


@workflow.defn
class Another:
    @workflow.run
    async def run(self, text: str) -> str:
        return text


@activity.defn
async def greet(name: str) -> str:
    return f"hello {name}"


@workflow.defn(name="Changing")
class Before:
    """The version that wrote the history."""

    def __init__(self) -> None:
        self._goes_on = False

    @workflow.run
    async def run(self, name: str) -> str:
        greeting = await workflow.execute_activity(greet, name, start_to_close_timeout=MINUTE)
        await workflow.wait_condition(lambda: self._goes_on)
        return greeting

    @workflow.signal
    def go_on(self) -> None:
        self._goes_on = True


@workflow.defn(name="Changing")
class After(Before):
    """The version that somebody deployed: it begins with a timer that the history does not have."""

    @workflow.run
    async def run(self, name: str) -> str:
        await workflow.sleep(1)
        return await workflow.execute_activity(greet, name, start_to_close_timeout=MINUTE)


@workflow.defn
class Inflate:
    @workflow.run
    async def run(self, size: int) -> str:
        return "x" * size


async def test_start_on_a_queue_that_nobody_polls_succeeds_and_describe_says_so(client: Client) -> None:
    handle = await client.start_workflow(Echo.run, "patience", id="unpolled", task_queue="nobody")
    description = await handle.describe()
    assert description.status == WorkflowExecutionStatus.RUNNING
    assert description.pollers == ()
    async with Worker(client, task_queue="nobody", workflows=[Echo]), asyncio.timeout(30):
        assert await handle.result() == "patience"
        assert len((await handle.describe()).pollers) == 1


async def test_unknown_workflow_type_fails_the_task_and_waits_for_a_worker_that_knows_it(client: Client) -> None:
    async with Worker(client, task_queue="half", workflows=[Another]):
        handle = await client.start_workflow("Echo", "later", id="unknown-type", task_queue="half", result_type=str)

        async def refused() -> WorkflowExecutionDescription | None:
            description = await handle.describe()
            task = description.pending_workflow_task
            return description if task is not None and task.last_failure is not None else None

        description = await wait_until(refused, what="a failed workflow task")
        assert description.status == WorkflowExecutionStatus.RUNNING
        assert description.pending_workflow_task is not None
        message = str(description.pending_workflow_task.last_failure)
        assert "Echo" in message
        assert "Another" in message, "the error names what the worker does have"
    async with Worker(client, task_queue="half", workflows=[Echo, Another]), asyncio.timeout(60):
        assert await handle.result() == "later"


async def test_code_that_does_not_match_the_history_is_reported_and_loses_nothing(client: Client) -> None:
    async with Worker(client, task_queue="changing", workflows=[Before], activities=[greet]):
        handle = await client.start_workflow(Before.run, "ada", id="changing", task_queue="changing")

        async def greeted() -> bool:
            events = (await handle.fetch_history()).events
            return any(event.event_type == EventType.ACTIVITY_TASK_COMPLETED for event in events)

        await wait_until(greeted, what="a finished activity")

    async with Worker(client, task_queue="changing", workflows=[After], activities=[greet]):
        await handle.signal(Before.go_on)

        async def refused() -> str | None:
            task = (await handle.describe()).pending_workflow_task
            return str(task.last_failure) if task is not None and task.last_failure is not None else None

        message = await wait_until(refused, what="a failed workflow task")
        assert "event 5" in message, "the error names the event"
        assert "timer" in message.lower(), "the error names what the code did"
        assert "greet" in message, "the error names what the history has"

    async with Worker(client, task_queue="changing", workflows=[Before], activities=[greet]), asyncio.timeout(60):
        assert await handle.result() == "hello ada"


async def test_argument_over_the_limit_is_refused_at_once(client: Client) -> None:
    with pytest.raises(PayloadSizeError, match="limit"):
        await client.start_workflow(Echo.run, "x" * PAYLOAD_OVER_THE_LIMIT_BYTES, id="too-large", task_queue="nobody")


async def test_result_over_the_limit_fails_the_workflow_rather_than_retrying_for_ever(client: Client) -> None:
    async with Worker(client, task_queue="large", workflows=[Inflate]), asyncio.timeout(30):
        handle = await client.start_workflow(
            Inflate.run, PAYLOAD_OVER_THE_LIMIT_BYTES, id="too-large-result", task_queue="large"
        )
        with pytest.raises(Exception, match="failed") as caught:
            await handle.result()
    assert isinstance(caught.value.__cause__, Exception)
    assert "limit" in str(caught.value.__cause__)


async def test_nul_in_an_id_is_refused_with_the_reason(client: Client) -> None:
    with pytest.raises(ValueError, match="NUL"):
        await client.start_workflow(Echo.run, "x", id="a\0b", task_queue="nobody")


async def test_wrong_address_says_what_it_tried(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"127\.0\.0\.1:9"):
        await Client.connect("127.0.0.1:9")
