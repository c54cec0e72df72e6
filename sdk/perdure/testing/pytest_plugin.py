"""Fixtures for pytest; installed with Perdure, nothing to configure.

    async def test_order(workflow_environment: WorkflowEnvironment) -> None:
        client = workflow_environment.client
        async with Worker(client, task_queue="orders", workflows=[Order], activities=[charge]):
            assert await client.execute_workflow(Order.run, "order-1", id="order-1", task_queue="orders") == "paid"

`workflow_environment` needs a plugin that runs async tests and fixtures, such as pytest-asyncio or anyio; it is a
time-skipping environment of its own for each test. `activity_environment` needs none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from perdure.testing import ActivityEnvironment, WorkflowEnvironment


async def _workflow_environment() -> AsyncIterator[WorkflowEnvironment]:
    """A cluster in this process, in which time is skipped."""
    from perdure.testing import WorkflowEnvironment

    async with await WorkflowEnvironment.start_time_skipping() as environment:
        yield environment


@pytest.fixture
def activity_environment() -> ActivityEnvironment:
    """What an activity finds around it, without a cluster."""
    from perdure.testing import ActivityEnvironment

    return ActivityEnvironment()


# pytest-asyncio in its strict mode runs only the async fixtures that it made; others take any.
try:
    import pytest_asyncio
except ImportError:
    workflow_environment: Any = pytest.fixture(_workflow_environment, name="workflow_environment")
else:
    workflow_environment = pytest_asyncio.fixture(_workflow_environment, name="workflow_environment")
