"""What tests of workflows and activities use: whole clusters in a test's own process, and activities without any.

    async with await WorkflowEnvironment.start_time_skipping() as env:      # no server, and a month passes at once
        async with Worker(env.client, task_queue="orders", workflows=[Order], activities=[charge]):
            assert await env.client.execute_workflow(Order.run, "order-1", id="order-1", task_queue="orders") == "paid"

With pytest, the fixture `workflow_environment` (see `perdure.testing.pytest_plugin`) is such an environment.
"""

from perdure.testing.activity_environment import ActivityEnvironment
from perdure.testing.workflow_environment import WorkflowEnvironment

__all__ = ["ActivityEnvironment", "WorkflowEnvironment"]
