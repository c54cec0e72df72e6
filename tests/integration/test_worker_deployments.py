"""Worker deployments on real servers: blue-green, canary, rollback, and what pinned runs keep."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from perdure import activity, workflow
from perdure.client import Client, WorkerDeploymentVersionStatus, WorkflowHandle
from perdure.common import (
    VersioningBehavior,
    WorkerDeploymentVersion,
)
from perdure.worker import Worker, WorkerDeploymentConfig
from tests.waiting import wait_until

QUEUE, SHOP = "orders", "shop"
PINNED, AUTO_UPGRADE = VersioningBehavior.PINNED, VersioningBehavior.AUTO_UPGRADE


def activity_of(build_id: str) -> Any:
    @activity.defn(name="version_of_activity")
    async def version_of_activity() -> str:
        return build_id

    return version_of_activity


class _Order:
    """Says where each of its steps ran: build id of the workflow task, build id of the activity."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.told = 0

    async def go(self, steps: int) -> list[str]:
        while True:
            self.steps.append(workflow.info().get_current_build_id())
            options = {"start_to_close_timeout": timedelta(seconds=10)}
            self.steps.append(await workflow.execute_activity("version_of_activity", result_type=str, **options))
            if len(self.steps) >= 2 * steps:
                return self.steps
            await workflow.wait_condition(lambda: self.told * 2 >= len(self.steps))


@workflow.defn(versioning_behavior=PINNED)
class PinnedOrder(_Order):
    @workflow.run
    async def run(self, steps: int) -> list[str]:
        return await self.go(steps)

    @workflow.signal
    def tell(self) -> None:
        self.told += 1

    @workflow.query
    def seen(self) -> list[str]:
        return self.steps


@workflow.defn(versioning_behavior=AUTO_UPGRADE)
class UpgradingOrder(_Order):
    @workflow.run
    async def run(self, steps: int) -> list[str]:
        return await self.go(steps)

    @workflow.signal
    def tell(self) -> None:
        self.told += 1

    @workflow.query
    def seen(self) -> list[str]:
        return self.steps


def worker(client: Client, build_id: str, **options: Any) -> Worker:
    return Worker(
        client,
        task_queue=QUEUE,
        workflows=[PinnedOrder, UpgradingOrder],
        activities=[activity_of(build_id)],
        deployment_config=WorkerDeploymentConfig(WorkerDeploymentVersion(SHOP, build_id), True),
        **options,
    )


async def start(
    client: Client, kind: Any, workflow_id: str, steps: int = 2, **options: Any
) -> WorkflowHandle[Any, Any]:
    return await client.start_workflow(kind, steps, id=workflow_id, task_queue=QUEUE, **options)


async def seen(handle: WorkflowHandle[Any, Any], steps: list[str]) -> None:
    async def look() -> bool:
        return bool(await handle.query("seen") == steps)

    await wait_until(look, what=f"the steps {steps}")


async def test_blue_green(client: Client) -> None:
    async with worker(client, "v1"):
        await wait_until(lambda: known(client, "v1"), what="v1 to be known")
        await client.deployments.set_current(SHOP, "v1")
        pinned, upgrading = await start(client, PinnedOrder.run, "p"), await start(client, UpgradingOrder.run, "u")
        await seen(pinned, ["v1", "v1"])
        await seen(upgrading, ["v1", "v1"])
        async with worker(client, "v2"):
            await wait_until(lambda: known(client, "v2"), what="v2 to be known")
            await client.deployments.set_current(SHOP, "v2")
            assert await (await start(client, PinnedOrder.run, "new", 1)).result() == ["v2", "v2"]
            await wait_status(client, "v1", WorkerDeploymentVersionStatus.DRAINING)
            await pinned.signal("tell")
            await upgrading.signal("tell")
            assert await pinned.result() == ["v1", "v1", "v1", "v1"]
            assert await upgrading.result() == ["v1", "v1", "v2", "v2"]
            await wait_status(client, "v1", WorkerDeploymentVersionStatus.DRAINED)


async def known(client: Client, build_id: str) -> bool:
    return build_id in [
        version.version.build_id for deployment in await client.deployments.list() for version in deployment.versions
    ]


async def wait_status(client: Client, build_id: str, wanted: WorkerDeploymentVersionStatus) -> None:
    async def look() -> bool:
        described = await client.deployments.describe(SHOP)
        return {version.version.build_id: version.status for version in described.versions}[build_id] == wanted

    await wait_until(look, what=f"{build_id} to be {wanted.name}")
