"""Children, runs that follow one another, policies of ids, descriptions and lists."""

import asyncio
import os
import uuid
from datetime import timedelta
from typing import Optional

from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import (
    Priority,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError, ChildWorkflowError, TerminatedError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker
from temporalio.workflow import ChildWorkflowCancellationType, ParentClosePolicy

FAMILY = SearchAttributeKey.for_keyword("Family")


@workflow.defn
class Child:
    def __init__(self) -> None:
        self.name: Optional[str] = None

    @workflow.run
    async def run(self, mood: str) -> str:
        if mood == "bad":
            raise ApplicationError("tantrum", type="Mood")
        await workflow.wait_condition(lambda: self.name is not None)
        return f"{self.name} is {mood}"

    @workflow.signal
    async def call(self, name: str) -> None:
        self.name = name


@workflow.defn
class Parent:
    @workflow.run
    async def run(self) -> str:
        prefix = workflow.info().workflow_id
        first = await workflow.start_child_workflow(
            Child.run,
            "glad",
            id=f"{prefix}-1",
            parent_close_policy=ParentClosePolicy.ABANDON,
            cancellation_type=ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
            static_summary="the elder",
        )
        await first.signal(Child.call, "ann")
        second = await workflow.start_child_workflow("Child", "calm", id=f"{prefix}-2", result_type=str)
        await workflow.get_external_workflow_handle_for(Child.run, second.id).signal(Child.call, "ben")
        try:
            await workflow.execute_child_workflow(Child.run, "bad", id=f"{prefix}-3")
        except ChildWorkflowError as error:
            assert isinstance(error.cause, ApplicationError)
            reason = f"{error.workflow_type} {error.cause.type}"
        workflow.upsert_search_attributes([FAMILY.value_set(f"of {prefix}")])
        workflow.upsert_memo({"children": 3})
        return f"{await first}, {await second}, {reason}"


@workflow.defn
class Generation:
    @workflow.run
    async def run(self, number: int, last: int) -> str:
        if number == last:
            return f"{number} after {workflow.info().continued_run_id is not None}"
        await workflow.sleep(timedelta(milliseconds=1), summary="grow up")
        workflow.continue_as_new(args=[number + 1, last])


async def main() -> None:
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"], identity="registrar")
    async with Worker(client, task_queue="families", workflows=[Parent, Child, Generation], max_cached_workflows=10):
        parent = await client.start_workflow(
            Parent.run,
            id=f"parent-{uuid.uuid4()}",
            task_queue="families",
            memo={"street": "High Street"},
            search_attributes=TypedSearchAttributes([SearchAttributePair(FAMILY, "unknown")]),
            static_summary="a family",
            priority=Priority(priority_key=2),
            execution_timeout=timedelta(minutes=5),
        )
        print(await parent.result())
        described = await parent.describe()
        memo = await described.memo()
        print(memo["street"], memo["children"], described.typed_search_attributes[FAMILY] == f"of {parent.id}")
        print(described.status == WorkflowExecutionStatus.COMPLETED, await described.static_summary())
        print(await client.execute_workflow(Generation.run, args=[1, 4], id="generations", task_queue="families"))

        lonely = await client.start_workflow(Child.run, "sad", id="lonely", task_queue="families")
        try:
            await client.start_workflow(Child.run, "sad", id="lonely", task_queue="families")
        except WorkflowAlreadyStartedError as error:
            print(error.workflow_id, error.run_id == lonely.first_execution_run_id)
        await lonely.terminate(reason="enough")
        try:
            await lonely.result()
        except WorkflowFailureError as error:
            print(isinstance(error.cause, TerminatedError))
        try:
            await client.start_workflow(
                Child.run,
                "sad",
                id="lonely",
                task_queue="families",
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            )
        except WorkflowAlreadyStartedError:
            print("not again")
        try:
            await client.get_workflow_handle("nobody").signal("call", "x")
        except RPCError as error:
            print(error.status == RPCStatusCode.NOT_FOUND)
        query = f"Family = 'of {parent.id}'"
        while not [run async for run in client.list_workflows(query)]:
            await asyncio.sleep(0.05)
        print((await client.count_workflows(query)).count)


if __name__ == "__main__":
    asyncio.run(main())
