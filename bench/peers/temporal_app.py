"""Temporal's workflows, its worker (`python -m bench.peers.temporal_app`), and its client."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from bench.peers.temporal_settings import ADDRESS, NAMESPACE, TASK_QUEUE

TIMEOUT = timedelta(minutes=5)
AT_ONCE = 1_000


@activity.defn
async def noop(number: int) -> int:
    return number


@workflow.defn(name="one")
class One:
    @workflow.run
    async def run(self, number: int) -> int:
        result: int = await workflow.execute_activity(noop, number, start_to_close_timeout=TIMEOUT)
        return result


@workflow.defn(name="ten")
class Ten:
    @workflow.run
    async def run(self, number: int) -> int:
        for _ in range(10):
            number = await workflow.execute_activity(noop, number, start_to_close_timeout=TIMEOUT)
        return number


@workflow.defn(name="fan")
class Fan:
    @workflow.run
    async def run(self, activities: int) -> int:
        results = await asyncio.gather(
            *(workflow.execute_activity(noop, number, start_to_close_timeout=TIMEOUT) for number in range(activities))
        )
        return len(results)


async def connect() -> Client:
    return await Client.connect(os.environ[ADDRESS], namespace=os.environ.get(NAMESPACE, "default"))


class Driver:
    """`execute_workflow`, of one client."""

    async def __aenter__(self) -> Driver:
        self._client = await connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def execute(self, workflow: str, argument: int) -> int:
        result: int = await self._client.execute_workflow(
            workflow, argument, id=f"perdure-bench-{uuid.uuid4().hex}", task_queue=os.environ[TASK_QUEUE]
        )
        return result


async def work() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Worker(
        await connect(),
        task_queue=os.environ[TASK_QUEUE],
        workflows=[One, Ten, Fan],
        activities=[noop],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_activities=AT_ONCE,
        max_concurrent_workflow_tasks=AT_ONCE,
    ):
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(work())
