"""Other workflows: signals to them, cancellation of them, children that are cancelled, and what does not exist."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from perdure import workflow
from perdure.client import WorkflowHandle
from perdure.exceptions import ApplicationError, ChildWorkflowError, FailureError, WorkflowAlreadyStartedError
from perdure.testing import WorkflowEnvironment
from perdure.workflow import ChildWorkflowCancellationType
from tests.golden.catalogue.tale import SHORT, Tale, cancel, step, wait_begun, wait_events


@workflow.defn(name="listener")
class Listener:
    """Ends when it is told to, or cancelled."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @workflow.signal
    def tell(self, word: str) -> None:
        self.heard.append(word)

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: "end" in self.heard)
        return self.heard


@workflow.defn(name="teller")
class Teller:
    """Starts a listener, and talks to it by its handle."""

    @workflow.run
    async def run(self, words: list[str]) -> list[str]:
        listener = await workflow.start_child_workflow(Listener.run, id=f"{workflow.info().workflow_id}-listener")
        for word in words:
            await listener.signal(Listener.tell, word)
        return await listener


@workflow.defn(name="caller")
class Caller:
    """Talks to a workflow that is not its own; does without it when there is none."""

    @workflow.run
    async def run(self, words: list[str]) -> str:
        other = workflow.get_external_workflow_handle(f"{workflow.info().workflow_id}-other")
        try:
            for word in words:
                await other.signal("tell", word)
        except FailureError as error:
            return await workflow.execute_activity(step, type(error).__name__, start_to_close_timeout=SHORT)
        return "heard"


@workflow.defn(name="canceller")
class Canceller:
    @workflow.run
    async def run(self) -> str:
        other = workflow.get_external_workflow_handle(f"{workflow.info().workflow_id}-other")
        try:
            await other.cancel()
        except FailureError as error:
            return await workflow.execute_activity(step, type(error).__name__, start_to_close_timeout=SHORT)
        return "asked"


@workflow.defn(name="changes-its-mind")
class ChangesItsMind:
    """Cancels its child, in each of the ways."""

    @workflow.run
    async def run(self, cancellation_type: int) -> str:
        child = await workflow.start_child_workflow(
            Listener.run, cancellation_type=ChildWorkflowCancellationType(cancellation_type)
        )
        await workflow.sleep(1)
        child.cancel()
        try:
            await child
        except ChildWorkflowError as error:
            return type(error.cause).__name__
        return "unreachable"


@workflow.defn(name="caring-parent")
class CaringParent:
    """Is cancelled, and so is its child."""

    @workflow.run
    async def run(self) -> str:
        try:
            await workflow.execute_child_workflow(Listener.run)
        except ChildWorkflowError:
            await workflow.execute_activity(step, "tidy", start_to_close_timeout=SHORT)
            raise
        return "unreachable"


@workflow.defn(name="late-parent")
class LateParent:
    """Wants a child of an id that is taken."""

    @workflow.run
    async def run(self) -> str:
        child_id = f"{workflow.info().workflow_id}-other"
        try:
            async with asyncio.timeout(timedelta(minutes=5).total_seconds()):
                await workflow.execute_child_workflow(Listener.run, id=child_id)
        except WorkflowAlreadyStartedError:
            return await workflow.execute_activity(step, "taken", start_to_close_timeout=SHORT)
        raise ApplicationError("it was not taken")


async def with_another(env: WorkflowEnvironment, handle: WorkflowHandle[Any, Any]) -> None:
    """The other workflow is there before the one that is recorded: see `Tale.beside`."""
    await wait_begun(handle)
    await env.client.get_workflow_handle(f"{handle.id}-other").signal("tell", "end")


async def with_its_child(env: WorkflowEnvironment, handle: WorkflowHandle[Any, Any]) -> None:
    await wait_events(handle, 6)
    await cancel(env, handle)


WORKFLOWS = (Listener, Teller, Caller, Canceller, ChangesItsMind, CaringParent, LateParent)
ACTIVITIES = ()
TALES = (
    *(Tale(f"teller-{count}", Teller, ([*"ab"[: count - 1], "end"],)) for count in (1, 3)),
    Tale("caller", Caller, (["hello", "there"],), with_another, beside=Listener),
    Tale("caller-in-vain", Caller, (["hello"],)),
    Tale("canceller", Canceller, (), None, beside=Listener),
    Tale("canceller-in-vain", Canceller),
    *(
        Tale(f"changes-its-mind-{kind.name.lower()}", ChangesItsMind, (int(kind),))
        for kind in ChildWorkflowCancellationType
    ),
    Tale("caring-parent", CaringParent, (), with_its_child),
    Tale("late-parent", LateParent, (), with_another, beside=Listener),
)
