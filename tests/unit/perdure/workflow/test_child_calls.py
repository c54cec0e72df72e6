"""Calling child workflows: what a command says, and what comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perdure import workflow
from perdure.common import (
    Priority,
    RetryPolicy,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDReusePolicy,
)
from perdure.exceptions import WorkflowAlreadyStartedError
from perdure.protocol.child_workflow import StartChildWorkflowExecution
from perdure.workflow import ParentClosePolicy, VersioningIntent
from tests.workflow_story import Story

STAGE = SearchAttributeKey.for_keyword("Stage")


@workflow.defn
class Child:
    @workflow.run
    async def run(self, number: int) -> int:
        return number


@workflow.defn
class Parent:
    """Starts a child with every option, then runs another with none."""

    @workflow.run
    async def run(self) -> list[Any]:
        handle = await workflow.start_child_workflow(
            Child.run,
            7,
            id="kid",
            task_queue="other",
            parent_close_policy=ParentClosePolicy.ABANDON,
            execution_timeout=timedelta(minutes=3),
            run_timeout=timedelta(minutes=2),
            task_timeout=timedelta(seconds=5),
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            retry_policy=RetryPolicy(maximum_attempts=2),
            memo={"why": "test"},
            search_attributes=TypedSearchAttributes([SearchAttributePair(STAGE, "late")]),
            cron_schedule="@daily",
            versioning_intent=VersioningIntent.DEFAULT,
            static_summary="one",
            static_details="two",
            priority=Priority(priority_key=1),
        )
        told = [handle.id, handle.first_execution_run_id, handle.done()]
        result = await workflow.execute_child_workflow("Child", args=[8], result_type=int)
        return [*told, await handle, result]


def test_a_child_is_started_then_awaited() -> None:
    story = Story(Parent)
    [command] = story.task()
    assert isinstance(command, StartChildWorkflowExecution)
    assert command[:3] == ("kid", "Child", "other")
    assert command.parent_close_policy == ParentClosePolicy.ABANDON
    assert (command.execution_timeout_ms, command.run_timeout_ms, command.task_timeout_ms) == (180_000, 120_000, 5_000)
    assert command.id_reuse_policy == WorkflowIDReusePolicy.REJECT_DUPLICATE
    assert command.retry_policy is not None
    assert command.retry_policy.maximum_attempts == 2
    assert b"test" in command.memo
    assert b"late" in command.search_attributes
    assert (command.cron_schedule, command.priority) == ("@daily", 1)
    assert (command.summary, command.static_details) == ("one", "two")
    story.start_child("kid", "first-run")
    [other] = story.task()
    assert isinstance(other, StartChildWorkflowExecution)
    assert len(other.workflow_id) == len("00000000-0000-4000-8000-000000000000")
    story.complete_child("kid", 7)
    story.start_child(other.workflow_id)
    story.complete_child(other.workflow_id, 8)
    story.task()
    assert story.result == ["kid", "first-run", False, 7, 8]
    story.replay()


@workflow.defn
class Twin:
    @workflow.run
    async def run(self, executes: bool) -> str:
        try:
            if executes:
                await workflow.execute_child_workflow(Child.run, 1, id="taken")
            else:
                await workflow.start_child_workflow(Child.run, 1, id="taken")
        except WorkflowAlreadyStartedError as error:
            return f"{error.workflow_type} {error.workflow_id}"
        return ""


@pytest.mark.parametrize("executes", [True, False])
def test_an_id_that_is_taken_is_told(executes: bool) -> None:
    story = Story(Twin, executes)
    story.task()
    story.refuse_child("taken")
    story.task()
    assert story.result == "Child taken"
    story.replay()
