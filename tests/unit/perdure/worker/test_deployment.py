"""The version that a worker is, against a real engine in memory."""

from __future__ import annotations

import pytest

from perdure import workflow
from perdure.client import RPCError
from perdure.common import PinnedVersioningOverride, VersioningBehavior, WorkerDeploymentVersion
from perdure.protocol.deployment import versioned_queue
from perdure.worker import Worker, WorkerDeploymentConfig
from perdure.worker.deployment import polled_queue
from tests.memory_cluster import memory_cluster
from tests.waiting import wait_until

V1 = WorkerDeploymentVersion("shop", "v1")


@workflow.defn
class Plain:
    @workflow.run
    async def run(self) -> tuple[str, WorkerDeploymentVersion | None]:
        return workflow.info().get_current_build_id(), workflow.info().get_current_deployment_version()


@workflow.defn(versioning_behavior=VersioningBehavior.PINNED)
class Pinned:
    @workflow.run
    async def run(self) -> str:
        return workflow.info().get_current_build_id()


def test_the_queue_that_is_polled() -> None:
    assert polled_queue(None, "q") == polled_queue(WorkerDeploymentConfig(V1, False), "q") == "q"
    assert polled_queue(WorkerDeploymentConfig(V1, True), "q") == versioned_queue("q", "shop", "v1")


async def test_every_workflow_of_a_versioned_worker_says_how_it_behaves() -> None:
    async with memory_cluster() as client:
        with pytest.raises(ValueError, match="workflow 'Plain' must say what its runs do"):
            Worker(
                client, task_queue="q", workflows=[Pinned, Plain], deployment_config=WorkerDeploymentConfig(V1, True)
            )
        Worker(client, task_queue="q", workflows=[Plain], deployment_config=WorkerDeploymentConfig(V1, False))


async def test_a_versioned_worker_is_known_and_is_given_what_is_pinned_to_it() -> None:
    async with memory_cluster() as client:
        config = WorkerDeploymentConfig(V1, True, VersioningBehavior.AUTO_UPGRADE)
        async with Worker(client, task_queue="q", workflows=[Plain, Pinned], deployment_config=config):
            await wait_until(client.deployments.list, what="the deployment")
            override = PinnedVersioningOverride(V1)
            started = await client.start_workflow(Plain.run, id="a", task_queue="q", versioning_override=override)
            assert await started.result() == ("v1", V1)
        [shop] = await client.deployments.list()
        assert [version.version for version in shop.versions] == [V1]


async def test_a_worker_that_is_not_versioned_says_in_histories_what_it_is() -> None:
    async with memory_cluster() as client:
        config = WorkerDeploymentConfig(V1, False)
        async with Worker(client, task_queue="q", workflows=[Pinned], deployment_config=config):
            assert await client.execute_workflow(Pinned.run, id="a", task_queue="q") == "v1"
        assert not await client.deployments.list()

        async def found() -> bool:
            return (await client.count_workflows("TemporalWorkerDeploymentVersion = 'shop:v1'")).count == 1

        await wait_until(found, what="the version among the search attributes")


async def test_a_worker_that_says_no_version_has_none() -> None:
    async with memory_cluster() as client, Worker(client, task_queue="q", workflows=[Plain]):
        result = await client.execute_workflow("Plain", id="a", task_queue="q")
        assert result == ["", None]


async def test_a_worker_whose_version_is_refused_ends_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure_engine.frontend.deployments.VERSIONS_MAX", 0)
    async with memory_cluster() as client:
        worker = Worker(client, task_queue="q", workflows=[Pinned], deployment_config=WorkerDeploymentConfig(V1, True))
        with pytest.raises(RPCError, match="delete drained ones"):
            await worker.run()
