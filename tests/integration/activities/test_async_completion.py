"""Activities that leave themselves to be completed, in their worker and beyond it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from perdure import activity, workflow
from perdure.client import (
    AsyncActivityCancelledError,
    AsyncActivityHandle,
    Client,
    RPCError,
    RPCStatusCode,
    WorkflowFailureError,
    WorkflowHandle,
)
from perdure.common import RetryPolicy
from perdure.exceptions import ActivityError, ApplicationError, CancelledError
from perdure.worker import Worker
from tests.memory_cluster import memory_cluster
from tests.waiting import wait_until

QUEUE = "approvals"
TIMEOUT = timedelta(seconds=20)

TOKENS: dict[str, bytes] = {}


@pytest.fixture(autouse=True)
async def _fresh() -> None:
    TOKENS.clear()


def _leave() -> None:
    info = activity.info()
    TOKENS[f"{info.activity_type}-{info.attempt}"] = info.task_token
    activity.heartbeat("left", info.attempt)
    activity.raise_complete_async()


@activity.defn
async def ask_a_person(question: str) -> str:
    try:
        _leave()
    except Exception:  # what user code catches for its own reasons
        return f"nobody answered {question}"
    raise AssertionError


@activity.defn
def ask_in_a_thread(question: str) -> str:
    _leave()
    raise AssertionError(question)


@workflow.defn
class Approval:
    def __init__(self) -> None:
        self.cancelled_by: list[str] = []

    @workflow.run
    async def run(self, name: str) -> str:
        handle = workflow.start_activity(
            name,
            "may I?",
            activity_id="ask",
            start_to_close_timeout=TIMEOUT,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10)),
            result_type=str,
        )
        try:
            return await handle
        except ActivityError as error:
            if isinstance(error.cause, CancelledError):
                return f"cancelled: {error.cause.details[0]}"
            raise


async def token_of(name: str) -> bytes:
    async def look() -> bytes | None:
        return TOKENS.get(name)

    return await wait_until(look, what=f"{name} to leave itself")


async def until_accepted(call: Callable[[], Awaitable[None]]) -> None:
    """The worker's report that it let go, and this one, are on their way at the same time."""

    async def look() -> bool:
        try:
            await call()
        except RPCError:
            return False
        return True

    await wait_until(look, what="the report to be taken")


def worker_of(client: Client, threads: concurrent.futures.Executor | None = None) -> Worker:
    return Worker(
        client,
        task_queue=QUEUE,
        workflows=[Approval],
        activities=[ask_a_person, ask_in_a_thread],
        activity_executor=threads,
    )


async def started(client: Client, name: str) -> WorkflowHandle[Approval, str]:
    return await client.start_workflow(Approval.run, name, id=f"approval-{name}", task_queue=QUEUE)


def by_ids(client: Client, name: str) -> AsyncActivityHandle:
    return client.get_async_activity_handle(workflow_id=f"approval-{name}", run_id=None, activity_id="ask")


@pytest.mark.parametrize("name", ["ask_a_person", "ask_in_a_thread"])
async def test_its_worker_may_be_gone_when_it_is_completed(name: str) -> None:
    async with memory_cluster() as client:
        async with worker_of(client):
            handle = await started(client, name)
            token = await token_of(f"{name}-1")
        [pending] = (await handle.describe()).pending_activities
        assert (pending.state.name, pending.attempt, pending.worker) == ("STARTED", 1, None)
        await client.get_async_activity_handle(task_token=token).complete("yes")
        async with worker_of(client):
            assert await handle.result() == "yes"


async def test_a_failure_is_tried_again_and_the_old_token_is_worth_nothing() -> None:
    async with memory_cluster() as client, worker_of(client):
        handle = await started(client, "ask_a_person")
        first = client.get_async_activity_handle(task_token=await token_of("ask_a_person-1"))
        await first.fail(ValueError("illegible"), last_heartbeat_details=["page 2"])
        second = client.get_async_activity_handle(task_token=await token_of("ask_a_person-2"))
        with pytest.raises(RPCError, match="attempt 1 of activity 5 is not pending") as caught:
            await first.complete("too late")
        assert caught.value.status == RPCStatusCode.NOT_FOUND
        await second.fail(ApplicationError("no", non_retryable=True))
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        assert isinstance(failed.value.cause, ActivityError)
        assert str(failed.value.cause.cause) == "no"


async def test_it_hears_of_its_cancellation_by_a_heartbeat() -> None:
    async with memory_cluster() as client, worker_of(client):
        handle = await started(client, "ask_a_person")
        await token_of("ask_a_person-1")
        person = by_ids(client, "ask_a_person")
        await until_accepted(functools.partial(person.heartbeat, "thinking"))
        with pytest.raises(RPCError, match="nobody asked activity 'ask_a_person' to stop"):
            await person.report_cancellation("why?")
        await handle.cancel()

        async def told() -> bool:
            try:
                await person.heartbeat("still thinking")
            except AsyncActivityCancelledError as error:
                return error.details is not None and error.details.cancel_requested
            return False

        await wait_until(told, what="the person to hear of it")
        await person.report_cancellation("went home")
        assert await handle.result() == "cancelled: went home"


async def test_what_is_not_there_says_so() -> None:
    async with memory_cluster() as client, worker_of(client):
        with pytest.raises(RPCError, match="there is no workflow 'approval-nobody' in namespace 'default'"):
            await by_ids(client, "nobody").complete(1)
        handle = await started(client, "ask_a_person")
        await token_of("ask_a_person-1")
        other = client.get_async_activity_handle(workflow_id=handle.id, run_id=None, activity_id="other")
        with pytest.raises(RPCError, match="an activity with the id 'other' is not pending"):
            await other.heartbeat()
        await until_accepted(functools.partial(by_ids(client, "ask_a_person").complete, "ok"))
        assert await handle.result() == "ok"
        with pytest.raises(RPCError, match="is closed already; nothing was changed"):
            await by_ids(client, "ask_a_person").complete("again")


async def test_many_people_answer_at_once() -> None:
    async with memory_cluster() as client, worker_of(client):
        handle = await started(client, "ask_a_person")
        await token_of("ask_a_person-1")
        answers = [by_ids(client, "ask_a_person").complete(number) for number in ("a", "b", "c")]
        told = await asyncio.gather(*answers, return_exceptions=True)
        assert [type(one) for one in told].count(type(None)) == 1
        assert await handle.result() == "abc"[[type(one) for one in told].index(type(None))]
