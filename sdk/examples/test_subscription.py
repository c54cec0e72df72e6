"""Tests of `subscription.py`: no server, no waiting.

    pip install perdure pytest pytest-asyncio
    pytest sdk/examples/test_subscription.py

`workflow_environment` is a fixture that Perdure brings: a cluster in this process, in which time is skipped while a
test waits for a workflow, and by `sleep`.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from subscription import TASK_QUEUE, Plan, Subscription, charge

from perdure.testing import ActivityEnvironment, WorkflowEnvironment
from perdure.worker import Worker

pytestmark = pytest.mark.asyncio


async def test_a_year_is_charged_twelve_times(workflow_environment: WorkflowEnvironment) -> None:
    client = workflow_environment.client
    async with Worker(client, task_queue=TASK_QUEUE, workflows=[Subscription], activities=[charge]):
        total = await client.execute_workflow(Subscription.run, Plan("ada"), id="ada", task_queue=TASK_QUEUE)
    assert total == 12 * 900


async def test_who_cancels_in_the_third_month_pays_two(workflow_environment: WorkflowEnvironment) -> None:
    client = workflow_environment.client
    async with Worker(client, task_queue=TASK_QUEUE, workflows=[Subscription], activities=[charge]):
        handle = await client.start_workflow(Subscription.run, Plan("ada"), id="ada", task_queue=TASK_QUEUE)
        await workflow_environment.sleep(timedelta(days=75))
        assert await handle.query(Subscription.charged) == 2 * 900
        await handle.signal(Subscription.cancel)
        assert await handle.result() == 2 * 900


async def test_charge_alone(activity_environment: ActivityEnvironment) -> None:
    await activity_environment.run(charge, "ada", 900, 1)
