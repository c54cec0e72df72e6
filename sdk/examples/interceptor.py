"""Interceptors: what stands around every activity and every workflow of a worker, without touching their code.

This one counts what activities cost, and stops what costs too much: a budget that no workflow can forget.

    perdure dev                           # in one terminal
    python sdk/examples/interceptor.py    # in another
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from typing import Any

from perdure import activity, workflow
from perdure.client import Client
from perdure.exceptions import ApplicationError
from perdure.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    StartActivityInput,
    Worker,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

TASK_QUEUE = "answers"
CALLS_MAX = 3


class Budget(Interceptor):
    """Given to a worker; `calls` counts the attempts that ran there."""

    def __init__(self) -> None:
        self.calls = 0

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return CountedActivity(next, self)

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return BoundedWorkflow


class CountedActivity(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, budget: Budget) -> None:
        super().__init__(next)
        self._budget = budget

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        self._budget.calls += 1
        return await super().execute_activity(input)


class BoundedWorkflow(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(BoundedCalls(outbound))


class BoundedCalls(WorkflowOutboundInterceptor):
    """One object a run, so that it may count; it runs inside of the workflow, and again on a replay."""

    def __init__(self, next: WorkflowOutboundInterceptor) -> None:
        super().__init__(next)
        self._calls = 0

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        self._calls += 1
        if self._calls > CALLS_MAX:
            raise ApplicationError(f"more than {CALLS_MAX} calls", type="BudgetExceeded", non_retryable=True)
        return super().start_activity(input)


@activity.defn
async def ask_model(question: str) -> str:
    return "?" if question.endswith("why") else "because"


@workflow.defn
class Curious:
    @workflow.run
    async def run(self, question: str) -> str:
        answer = "?"
        while answer == "?":
            answer = await workflow.execute_activity(ask_model, question, start_to_close_timeout=timedelta(seconds=30))
        return answer


async def main() -> None:
    budget = Budget()
    async with await Client.connect() as client:
        async with Worker(
            client, task_queue=TASK_QUEUE, workflows=[Curious], activities=[ask_model], interceptors=[budget]
        ):
            for question in ("what", "why"):
                try:
                    answer = await client.execute_workflow(
                        Curious.run, question, id=f"curious-{uuid.uuid4()}", task_queue=TASK_QUEUE
                    )
                except Exception as error:
                    answer = str(error.__cause__)
                print(f"{question}: {answer}")
        print("calls:", budget.calls)


if __name__ == "__main__":
    asyncio.run(main())
