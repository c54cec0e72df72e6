"""Worker deployments: a new version of the workers beside the old one, blue-green and canary.

A pinned workflow stays with the version that ran its first step, so that its code may change freely from version to
version. One that upgrades goes on with the current version, so that its code may only change as in `patching.py`.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable

from perdure import workflow
from perdure.client import Client, RPCError, WorkerDeploymentVersionStatus
from perdure.common import VersioningBehavior, WorkerDeploymentVersion
from perdure.worker import Worker, WorkerDeploymentConfig

TASK_QUEUE = "worker-deployment"
DEPLOYMENT = "checkout"


@workflow.defn(versioning_behavior=VersioningBehavior.PINNED)
class Order:
    def __init__(self) -> None:
        self.is_paid = False

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: self.is_paid)
        return workflow.info().get_current_build_id()

    @workflow.signal
    def pay(self) -> None:
        self.is_paid = True

    @workflow.query
    def build_id(self) -> str:
        return workflow.info().get_current_build_id()


def worker(client: Client, build_id: str) -> Worker:
    version = WorkerDeploymentVersion(DEPLOYMENT, build_id)
    config = WorkerDeploymentConfig(version, use_worker_versioning=True)
    return Worker(client, task_queue=TASK_QUEUE, workflows=[Order], deployment_config=config)


async def when_ready(change: Callable[[], Awaitable[object]]) -> None:
    """Make a change as soon as the version's workers are there: before that it is refused."""
    while True:
        try:
            await change()
            return
        except RPCError:
            await asyncio.sleep(0.1)


async def when_drained(client: Client, build_id: str) -> None:
    """Wait until nothing is pinned to this version any more: then its workers may go."""
    while True:
        described = await client.deployments.describe(DEPLOYMENT)
        statuses = {version.version.build_id: version.status for version in described.versions}
        if statuses[build_id] == WorkerDeploymentVersionStatus.DRAINED:
            return
        await asyncio.sleep(0.1)


async def main() -> None:
    async with await Client.connect() as client, worker(client, "1.0"):
        deployments = client.deployments
        await when_ready(lambda: deployments.set_current(DEPLOYMENT, "1.0"))
        old = await client.start_workflow(Order.run, id=f"order-{uuid.uuid4().hex[:8]}", task_queue=TASK_QUEUE)
        await old.query(Order.build_id)  # its first step is done, by version 1.0

        async with worker(client, "2.0"):
            await when_ready(lambda: deployments.set_ramping(DEPLOYMENT, "2.0", 10))  # a tenth of the orders
            await deployments.set_current(DEPLOYMENT, "2.0")  # all of them
            new = await client.start_workflow(Order.run, id=f"order-{uuid.uuid4().hex[:8]}", task_queue=TASK_QUEUE)
            for order in (old, new):
                await order.signal(Order.pay)
            print(f"the old order ran on {await old.result()}, the new one on {await new.result()}")
            await when_drained(client, "1.0")


if __name__ == "__main__":
    asyncio.run(main())
