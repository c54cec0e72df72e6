"""Worker deployments on real servers: blue-green, canary, rollback, and what pinned runs keep."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from perdure import activity, workflow
from perdure.client import Client, WorkerDeploymentVersionStatus, WorkflowHandle
from perdure.common import (
    AutoUpgradeVersioningOverride,
    PinnedVersioningOverride,
    VersioningBehavior,
    WorkerDeploymentVersion,
)
from perdure.service import RPCError
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


async def test_canary_and_rollback(client: Client) -> None:
    async with worker(client, "v1"), worker(client, "v2"):
        for build_id in ("v1", "v2"):
            await wait_until(partial(known, client, build_id), what=f"{build_id} to be known")
        await client.deployments.set_current(SHOP, "v1")
        await client.deployments.set_ramping(SHOP, "v2", 30)
        first = await asyncio.gather(*(once(client, f"order-{number}") for number in range(100)))
        assert 14 <= first.count("v2") <= 46  # 30, and three and a half standard deviations
        assert await asyncio.gather(*(once(client, f"order-{number}") for number in range(20))) == first[:20]
        await client.deployments.set_ramping(SHOP, None)
        assert set(await asyncio.gather(*(once(client, f"order-{number}") for number in range(20)))) == {"v1"}
        with pytest.raises(RPCError, match="is the current version"):
            await client.deployments.delete_version(SHOP, "v1")


async def once(client: Client, workflow_id: str) -> str:
    """Where a run of this workflow id goes."""
    steps = await (await start(client, PinnedOrder.run, workflow_id, 1)).result()
    assert steps[0] == steps[1]
    return str(steps[0])


async def test_an_override_stands_above_the_routing(client: Client) -> None:
    async with worker(client, "v1"), worker(client, "v2"):
        for build_id in ("v1", "v2"):
            await wait_until(partial(known, client, build_id), what=f"{build_id} to be known")
        await client.deployments.set_current(SHOP, "v1")
        pinned = PinnedVersioningOverride(WorkerDeploymentVersion(SHOP, "v2"))
        handle = await start(client, UpgradingOrder.run, "pinned", 1, versioning_override=pinned)
        assert await handle.result() == ["v2", "v2"]
        override = AutoUpgradeVersioningOverride()
        handle = await start(client, PinnedOrder.run, "upgrading", versioning_override=override)
        await seen(handle, ["v1", "v1"])
        await client.deployments.set_current(SHOP, "v2")
        await handle.signal("tell")
        assert await handle.result() == ["v1", "v1", "v2", "v2"]


async def known(client: Client, build_id: str) -> bool:
    """Whether a worker of this version polls."""
    if not await client.deployments.list():
        return False
    described = await client.deployments.describe(SHOP)
    return any(version.workers for version in described.versions if version.version.build_id == build_id)


async def wait_status(client: Client, build_id: str, wanted: WorkerDeploymentVersionStatus) -> None:
    async def look() -> bool:
        described = await client.deployments.describe(SHOP)
        return {version.version.build_id: version.status for version in described.versions}[build_id] == wanted

    await wait_until(look, what=f"{build_id} to be {wanted.name}")
