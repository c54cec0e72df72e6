"""Worker deployments, as clients see and change them."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.client import RPCError, WorkerDeploymentVersionStatus
from perdure.client.execution import time_of
from perdure.common import WorkerDeploymentVersion
from perdure.protocol import deployment as wire
from perdure.protocol.replies import ErrorCode, ReplyKind
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import Rows, refuse

V1, V2 = WorkerDeploymentVersion("shop", "v1"), WorkerDeploymentVersion("shop", "v2")
ONE = wire.VersionInfo("v1", 1_000_000, ("q",), ("q", "mail"), 2_000_000, 0, 0, wire.VersionStatus.CURRENT, 7, 2)
SHOP = wire.DeploymentInfo("default", "shop", 4, 1_000_000, "v1", "v2", 250, 3_000_000, "me", (ONE,))


def engine_of(info: wire.DeploymentInfo) -> Any:
    def answer(number: int, request: Any) -> Rows:
        if isinstance(request, wire.ListDeployments):
            bare = info.versions[0]._replace(status=0, pinned_runs=-1, workers=-1)
            yield number, ReplyKind.OK, wire.DeploymentList((info._replace(versions=(bare,)),))
        else:
            yield number, ReplyKind.OK, None if isinstance(request, wire.DeleteVersion) else info

    return answer


async def test_a_description() -> None:
    async with client_of(engine_of(SHOP)) as (client, _):
        shop = await client.deployments.describe("shop")
        assert (shop.name, shop.current_version, shop.ramping_version) == ("shop", V1, V2)
        assert (shop.ramping_percentage, shop.revision, shop.last_modifier) == (2.5, 4, "me")
        assert (shop.create_time, shop.last_change_time) == (time_of(1_000_000), time_of(3_000_000))
        [version] = shop.versions
        assert (version.version, version.status) == (V1, WorkerDeploymentVersionStatus.CURRENT)
        assert (version.pinned_runs, version.workers) == (7, 2)
        assert (version.workflow_task_queues, version.activity_task_queues) == (("q",), ("q", "mail"))
        assert (version.current_since, version.ramping_since) == (time_of(2_000_000), None)


async def test_a_list_counts_nothing() -> None:
    async with client_of(engine_of(SHOP._replace(current="", ramping="", changed_us=0))) as (client, _):
        [shop] = await client.deployments.list()
        assert (shop.current_version, shop.ramping_version, shop.last_change_time) == (None, None, None)
        assert [(v.status, v.pinned_runs, v.workers) for v in shop.versions] == [(None, None, None)]


async def test_changes() -> None:
    async with client_of(engine_of(SHOP)) as (client, engine):
        deployments = client.deployments
        assert (await deployments.set_current("shop", "v1")).current_version == V1
        await deployments.set_current("shop", None, ignore_missing_task_queues=True, allow_no_pollers=True, revision=3)
        await deployments.set_ramping("shop", "v2", 2.5)
        await deployments.set_ramping("shop", None)
        await deployments.delete_version("shop", "v1", skip_drainage=True)
        await deployments.delete("shop")
        me = client.identity
        assert engine.requests() == [
            wire.SetCurrentVersion("default", "shop", "v1", identity=me),
            wire.SetCurrentVersion("default", "shop", "", True, True, 3, me),
            wire.SetRampingVersion("default", "shop", "v2", 250, identity=me),
            wire.SetRampingVersion("default", "shop", "", 0, identity=me),
            wire.DeleteVersion("default", "shop", "v1", True),
            wire.DeleteVersion("default", "shop", ""),
        ]


async def test_what_is_no_percentage() -> None:
    async with client_of(engine_of(SHOP)) as (client, engine):
        with pytest.raises(ValueError, match="from 0 to 100"):
            await client.deployments.set_ramping("shop", "v2", 101)
        assert not engine.requests()


async def test_a_version_without_a_name_is_not_deleted() -> None:
    async with client_of(engine_of(SHOP)) as (client, engine):
        with pytest.raises(ValueError, match="the build id must not be empty"):
            await client.deployments.delete_version("shop", "")
        assert not engine.requests()


async def test_a_refusal_is_told() -> None:
    async with client_of(lambda number, _: refuse(number, ErrorCode.FAILED_PRECONDITION, "in use")) as (client, _):
        with pytest.raises(RPCError, match="in use"):
            await client.deployments.delete_version("shop", "v1")
