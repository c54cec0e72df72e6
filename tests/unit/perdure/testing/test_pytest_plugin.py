"""The fixtures, as a project gets them that installs Perdure and nothing else of ours."""

from __future__ import annotations

from perdure import workflow
from perdure.testing import WorkflowEnvironment
from perdure.worker import Worker


@workflow.defn
async def nap() -> str:
    await workflow.sleep(86_400)
    return "rested"


async def test_a_test_gets_a_cluster_by_its_name(workflow_environment: WorkflowEnvironment) -> None:
    client = workflow_environment.client
    async with Worker(client, task_queue="naps", workflows=[nap]):
        assert await client.execute_workflow(nap, id="nap", task_queue="naps") == "rested"


async def test_the_next_test_gets_another_one(workflow_environment: WorkflowEnvironment) -> None:
    assert [each async for each in workflow_environment.client.list_workflows()] == []
