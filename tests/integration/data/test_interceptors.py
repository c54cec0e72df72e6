"""Context that follows a call wherever it goes: from a client to workflows, activities, children and further runs."""

from __future__ import annotations

import contextvars
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NoReturn

import pytest

import perdure.client
import perdure.worker
from perdure import activity, workflow
from perdure.client import Client
from perdure.converter import PayloadConverter
from perdure.worker import Worker
from tests.memory_cluster import memory_cluster

QUEUE = "q"
TIMEOUT = timedelta(seconds=10)
CONVERT = PayloadConverter.default

user: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")


def note(input: Any) -> None:
    input.headers = {**input.headers, "user": CONVERT.to_payload(user.get())}


@contextmanager
def noted(input: Any) -> Iterator[None]:
    token = user.set(CONVERT.from_payload(input.headers["user"], str) if "user" in input.headers else "nobody")
    try:
        yield
    finally:
        user.reset(token)


class Propagation(perdure.client.Interceptor, perdure.worker.Interceptor):
    def intercept_client(self, next: perdure.client.OutboundInterceptor) -> perdure.client.OutboundInterceptor:
        return FromClient(next)

    def intercept_activity(
        self, next: perdure.worker.ActivityInboundInterceptor
    ) -> perdure.worker.ActivityInboundInterceptor:
        return IntoActivity(next)

    def workflow_interceptor_class(
        self, input: perdure.worker.WorkflowInterceptorClassInput
    ) -> type[perdure.worker.WorkflowInboundInterceptor]:
        return IntoWorkflow


class FromClient(perdure.client.OutboundInterceptor):
    async def start_workflow(self, input: perdure.client.StartWorkflowInput) -> Any:
        note(input)
        return await super().start_workflow(input)

    async def signal_workflow(self, input: perdure.client.SignalWorkflowInput) -> None:
        note(input)
        await super().signal_workflow(input)

    async def query_workflow(self, input: perdure.client.QueryWorkflowInput) -> Any:
        note(input)
        return await super().query_workflow(input)


class IntoActivity(perdure.worker.ActivityInboundInterceptor):
    async def execute_activity(self, input: perdure.worker.ExecuteActivityInput) -> Any:
        with noted(input):
            return await super().execute_activity(input)


class IntoWorkflow(perdure.worker.WorkflowInboundInterceptor):
    def init(self, outbound: perdure.worker.WorkflowOutboundInterceptor) -> None:
        super().init(FromWorkflow(outbound))

    async def execute_workflow(self, input: perdure.worker.ExecuteWorkflowInput) -> Any:
        with noted(input):
            return await super().execute_workflow(input)

    async def handle_signal(self, input: perdure.worker.HandleSignalInput) -> None:
        with noted(input):
            await super().handle_signal(input)

    async def handle_query(self, input: perdure.worker.HandleQueryInput) -> Any:
        with noted(input):
            return await super().handle_query(input)


class FromWorkflow(perdure.worker.WorkflowOutboundInterceptor):
    def start_activity(self, input: perdure.worker.StartActivityInput) -> workflow.ActivityHandle[Any]:
        note(input)
        return super().start_activity(input)

    async def start_child_workflow(
        self, input: perdure.worker.StartChildWorkflowInput
    ) -> workflow.ChildWorkflowHandle[Any, Any]:
        note(input)
        return await super().start_child_workflow(input)

    def continue_as_new(self, input: perdure.worker.ContinueAsNewInput) -> NoReturn:
        note(input)
        super().continue_as_new(input)


@activity.defn
async def who() -> str:
    return f"activity: {user.get()}"


@activity.defn
def who_in_a_thread() -> str:
    return f"thread: {user.get()}"


@workflow.defn
async def child() -> str:
    return f"child: {user.get()}, {await workflow.execute_activity(who, start_to_close_timeout=TIMEOUT)}"


@workflow.defn
class Everywhere:
    def __init__(self) -> None:
        self.told: list[str] = []

    @workflow.run
    async def run(self, told: list[str]) -> list[str]:
        if not told:
            await workflow.wait_condition(lambda: bool(self.told))
            workflow.continue_as_new([*self.told, f"run: {user.get()}"])
        started = await workflow.start_child_workflow(child, id=f"{workflow.info().workflow_id}-child")
        return [
            *told,
            f"next run: {user.get()}",
            await workflow.execute_activity(who, start_to_close_timeout=TIMEOUT),
            await workflow.execute_activity(who_in_a_thread, start_to_close_timeout=TIMEOUT),
            await started,
            await workflow.execute_child_workflow(child),
        ]

    @workflow.signal
    async def tell(self) -> None:
        answer = await workflow.execute_activity(who, start_to_close_timeout=TIMEOUT)
        self.told.append(f"signal: {user.get()}, {answer}")

    @workflow.query
    def asked_by(self) -> str:
        return user.get()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with memory_cluster() as plain:
        yield Client(plain.transport, interceptors=[Propagation()])


async def test_context_follows_a_call_wherever_it_goes(client: Client) -> None:
    async with Worker(client, task_queue=QUEUE, workflows=[Everywhere, child], activities=[who, who_in_a_thread]):
        user.set("ada")
        handle = await client.start_workflow(Everywhere.run, [], id="w", task_queue=QUEUE)
        user.set("lin")
        await handle.signal(Everywhere.tell)
        assert await handle.result() == [
            "signal: lin, activity: lin",
            "run: ada",
            "next run: ada",
            "activity: ada",
            "thread: ada",
            "child: ada, activity: ada",
            "child: ada, activity: ada",
        ]
        user.set("eve")
        assert await handle.query(Everywhere.asked_by) == "eve"
    replayer = perdure.worker.Replayer(workflows=[Everywhere, child], interceptors=[Propagation()])
    await replayer.replay_workflow(await client.get_workflow_handle("w").fetch_history())
