"""Child workflows: one, several, failing, with ids of their own, left behind."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from perdure import workflow
from perdure.client import WorkflowHandle
from perdure.common import RetryPolicy
from perdure.exceptions import ApplicationError, ChildWorkflowError, WorkflowAlreadyStartedError
from perdure.testing import WorkflowEnvironment
from tests.golden.catalogue.tale import SHORT, Drive, Tale, step, wait_begun, wait_events


@workflow.defn(name="child")
class Child:
    @workflow.run
    async def run(self, name: str) -> str:
        if name == "bad":
            raise ApplicationError("a bad child", type="Bad")
        await workflow.sleep(1)
        return await workflow.execute_activity(step, name, start_to_close_timeout=SHORT)


@workflow.defn(name="parent")
class Parent:
    @workflow.run
    async def run(self, names: list[str]) -> list[str]:
        return [await workflow.execute_child_workflow(Child.run, name) for name in names]


@workflow.defn(name="parent-of-many")
class ParentOfMany:
    @workflow.run
    async def run(self, count: int) -> list[str]:
        children = [
            await workflow.start_child_workflow(Child.run, str(number), id=f"{workflow.info().workflow_id}-{number}")
            for number in range(count)
        ]
        return await asyncio.gather(*children)


@workflow.defn(name="forgiving-parent")
class ForgivingParent:
    @workflow.run
    async def run(self) -> str:
        try:
            await workflow.execute_child_workflow(Child.run, "bad", retry_policy=RetryPolicy(maximum_attempts=1))
        except ChildWorkflowError as error:
            return await workflow.execute_activity(step, str(error.cause), start_to_close_timeout=SHORT)
        return "unreachable"


@workflow.defn(name="careless-parent")
class CarelessParent:
    """Leaves before its child does."""

    @workflow.run
    async def run(self, policy: int) -> str:
        child = await workflow.start_child_workflow(
            Child.run, "left", parent_close_policy=workflow.ParentClosePolicy(policy)
        )
        return child.id[-4:] and "left"


@workflow.defn(name="worried-parent")
class WorriedParent:
    """Its child ends in other ways than by itself."""

    @workflow.run
    async def run(self, seconds: float) -> str:
        child_id = f"{workflow.info().workflow_id}-child"
        try:
            await workflow.execute_child_workflow(
                Child.run, "slow", id=child_id, run_timeout=timedelta(seconds=seconds) if seconds else None
            )
        except ChildWorkflowError as error:
            return await workflow.execute_activity(step, type(error.cause).__name__, start_to_close_timeout=SHORT)
        except WorkflowAlreadyStartedError:
            return await workflow.execute_activity(step, "taken", start_to_close_timeout=SHORT)
        return "unreachable"


def to_its_child(verb: str) -> Drive:
    """Cancel or terminate the child, when it has begun."""

    async def drive(env: WorkflowEnvironment, handle: WorkflowHandle[Any, Any]) -> None:
        await wait_events(handle, 6)
        child = env.client.get_workflow_handle(f"{handle.id}-child")
        await wait_begun(child)
        await getattr(child, verb)()

    return drive


WORKFLOWS = (Child, Parent, ParentOfMany, ForgivingParent, CarelessParent, WorriedParent)
ACTIVITIES = ()
TALES = (
    *(Tale(f"parent-{count}", Parent, (["ada", "lin", "bo"][:count],)) for count in (1, 2, 3)),
    *(Tale(f"parent-of-many-{count}", ParentOfMany, (count,)) for count in (1, 4)),
    Tale("parent-of-a-bad-one", Parent, (["bad"],)),
    Tale("forgiving-parent", ForgivingParent),
    *(Tale(f"worried-parent-{verb}", WorriedParent, (0.0,), to_its_child(verb)) for verb in ("cancel", "terminate")),
    Tale("worried-parent-late", WorriedParent, (0.5,)),
    *(Tale(f"careless-parent-{policy}", CarelessParent, (policy,)) for policy in (1, 2, 3)),
)
