"""Context propagation: who asked follows a call through workflows and activities, by headers and not by arguments.

One interceptor serves the client and its workers. A `ContextVar` holds the user, in each of them.

    perdure dev                                   # in one terminal
    python sdk/examples/context_propagation.py    # in another
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, Protocol

import perdure.client
import perdure.worker
from perdure import activity, workflow
from perdure.client import Client
from perdure.common import Payload
from perdure.converter import PayloadConverter
from perdure.worker import Worker

TASK_QUEUE = "audited"
HEADER = "user"

user: ContextVar[str] = ContextVar("user", default="nobody")


class HasHeaders(Protocol):
    headers: Mapping[str, Payload]


def put_user(input: HasHeaders) -> None:
    input.headers = {**input.headers, HEADER: PayloadConverter.default.to_payload(user.get())}


@contextmanager
def user_of(input: HasHeaders) -> Iterator[None]:
    payload = input.headers.get(HEADER)
    token = user.set("nobody" if payload is None else PayloadConverter.default.from_payload(payload, str))
    try:
        yield
    finally:
        user.reset(token)


class UserPropagation(perdure.client.Interceptor, perdure.worker.Interceptor):
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
        put_user(input)
        return await super().start_workflow(input)


class IntoWorkflow(perdure.worker.WorkflowInboundInterceptor):
    def init(self, outbound: perdure.worker.WorkflowOutboundInterceptor) -> None:
        super().init(FromWorkflow(outbound))

    async def execute_workflow(self, input: perdure.worker.ExecuteWorkflowInput) -> Any:
        with user_of(input):
            return await super().execute_workflow(input)


class FromWorkflow(perdure.worker.WorkflowOutboundInterceptor):
    def start_activity(self, input: perdure.worker.StartActivityInput) -> workflow.ActivityHandle[Any]:
        put_user(input)
        return super().start_activity(input)


class IntoActivity(perdure.worker.ActivityInboundInterceptor):
    async def execute_activity(self, input: perdure.worker.ExecuteActivityInput) -> Any:
        with user_of(input):
            return await super().execute_activity(input)


@activity.defn
def delete_file(path: str) -> str:
    return f"{user.get()} deleted {path}"


@workflow.defn
class Cleanup:
    @workflow.run
    async def run(self, path: str) -> str:
        return await workflow.execute_activity(delete_file, path, start_to_close_timeout=timedelta(seconds=30))


async def main() -> None:
    client = await Client.connect(interceptors=[UserPropagation()])
    async with client, Worker(client, task_queue=TASK_QUEUE, workflows=[Cleanup], activities=[delete_file]):
        for name in ("ada", "lin"):
            user.set(name)
            print(
                await client.execute_workflow(
                    Cleanup.run, "notes.txt", id=f"cleanup-{uuid.uuid4()}", task_queue=TASK_QUEUE
                )
            )


if __name__ == "__main__":
    asyncio.run(main())
