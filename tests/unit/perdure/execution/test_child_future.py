"""A child as its parent's code holds it: each way in which it ends."""

from __future__ import annotations

from typing import Any

import pytest

from perdure import workflow
from perdure.exceptions import ChildWorkflowError
from perdure.protocol import child_workflow as child
from perdure.protocol.failure import ApplicationInfo, Failure, RetryState
from perdure.workflow import NondeterminismError
from tests.workflow_story import Story


@workflow.defn
class Parent:
    @workflow.run
    async def run(self) -> list[Any]:
        try:
            await workflow.execute_child_workflow("Child", id="kid")
        except ChildWorkflowError as error:
            return [type(error.cause).__name__, str(error), error.workflow_id, error.run_id, error.initiated_event_id]
        return []


WHO = ("default", "kid", "child-run", "Child", 5, 6)


@pytest.mark.parametrize(
    ("outcome", "cause", "message"),
    [
        (
            child.ChildWorkflowExecutionFailed(
                Failure.of("no", ApplicationInfo("Odd")), *WHO, RetryState.RETRY_POLICY_NOT_SET
            ),
            "ApplicationError",
            "failed",
        ),
        (child.ChildWorkflowExecutionCanceled(b"", *WHO), "CancelledError", "cancelled"),
        (child.ChildWorkflowExecutionTimedOut(*WHO, RetryState.TIMEOUT), "TimeoutError", "timed out"),
        (child.ChildWorkflowExecutionTerminated(*WHO), "TerminatedError", "terminated"),
    ],
)
def test_a_child_that_does_not_complete_raises(outcome: Any, cause: str, message: str) -> None:
    story = Story(Parent)
    story.task()
    story.start_child("kid")
    story.close_child("kid", outcome)
    story.task()
    assert story.result == [cause, f"Child Workflow execution {message}", "kid", "child-run", 5]
    story.replay()


@workflow.defn(name="Parent")
class Changed:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_child_workflow("Other", id="kid")


def test_another_child_than_the_history_has_is_told() -> None:
    story = Story(Parent)
    story.task()
    story.start_child("kid")
    story.task()
    with pytest.raises(NondeterminismError) as told:
        story.replay(Changed)
    assert "StartChildWorkflowExecutionInitiated (workflow 'Child', id 'kid')" in str(told.value)
    assert "StartChildWorkflowExecution (workflow 'Other', id 'kid')" in str(told.value)
