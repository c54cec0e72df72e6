"""A child as its parent's code holds it: each way in which it ends."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from perdure import workflow
from perdure.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError
from perdure.protocol import child_workflow as child
from perdure.protocol.external_workflow import (
    RequestCancelExternalWorkflowExecution,
    SignalExternalWorkflowExecution,
)
from perdure.protocol.failure import ApplicationInfo, Failure, RetryState
from perdure.workflow import ChildWorkflowCancellationType, NondeterminismError
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


# Cancellation --------------------------------------------------------------------------------------------------------


@workflow.defn
class Canceller:
    """Starts a child, cancels it, and says how that ended."""

    @workflow.run
    async def run(self, how: str) -> list[Any]:
        handle = await workflow.start_child_workflow(
            "Child", id="kid", cancellation_type=ChildWorkflowCancellationType[how]
        )
        assert handle.cancel("enough")
        try:
            return ["result", await handle]
        except ChildWorkflowError as error:
            assert not handle.cancel()
            return [type(error.cause).__name__, handle.cancelled()]


def cancelled_by(how: str) -> tuple[Story, list[Any]]:
    story = Story(Canceller, how)
    story.task()
    story.start_child("kid")
    return story, list(story.task())


@pytest.mark.parametrize("how", ["TRY_CANCEL", "ABANDON"])
def test_a_cancelled_child_is_not_waited_for(how: str) -> None:
    story, commands = cancelled_by(how)
    asked = [c for c in commands if isinstance(c, RequestCancelExternalWorkflowExecution)]
    assert asked == ([RequestCancelExternalWorkflowExecution("kid", "", "enough", 5)] if how == "TRY_CANCEL" else [])
    assert story.result == ["CancelledError", False]
    story.replay()


def test_a_child_that_is_waited_for_may_still_return() -> None:
    story, _ = cancelled_by("WAIT_CANCELLATION_COMPLETED")
    story.answer_external("kid")
    assert not story.task()
    story.complete_child("kid", "made it")
    story.task()
    assert story.result == ["result", "made it"]
    story.replay()


def test_the_arrival_of_the_request_may_be_all_that_is_waited_for() -> None:
    story, commands = cancelled_by("WAIT_CANCELLATION_REQUESTED")
    assert len(commands) == 1
    story.answer_external("kid")
    story.task()
    assert story.result == ["CancelledError", False]
    story.replay()


def test_a_request_that_finds_no_child_leaves_the_telling_to_its_outcome() -> None:
    story, _ = cancelled_by("WAIT_CANCELLATION_REQUESTED")
    story.answer_external("kid", "EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND")
    assert not story.task()
    story.complete_child("kid", 1)
    story.task()
    assert story.result == ["result", 1]
    story.replay()


@workflow.defn
class Hasty:
    """Cancels what it waits for: a start or a whole child, before it is sent or while it is being started."""

    @workflow.run
    async def run(self, what: str, sends: bool, how: str) -> str:
        kind = ChildWorkflowCancellationType[how]
        call = workflow.start_child_workflow if what == "start" else workflow.execute_child_workflow
        task = asyncio.ensure_future(call("Child", id="kid", cancellation_type=kind))
        await (workflow.sleep(1) if sends else asyncio.sleep(0))
        task.cancel()
        try:
            result = await task
        except (asyncio.CancelledError, ChildWorkflowError) as error:
            return type(error).__name__
        return "started" if isinstance(result, workflow.ChildWorkflowHandle) else str(result)


@pytest.mark.parametrize("what", ["start", "execute"])
def test_what_was_not_sent_never_is(what: str) -> None:
    story = Story(Hasty, what, False, "WAIT_CANCELLATION_COMPLETED")
    assert [type(c).__name__ for c in story.task()] == ["CompleteWorkflowExecution"]
    assert story.result in ("CancelledError", "ChildWorkflowError")
    story.replay()


@pytest.mark.parametrize("what", ["start", "execute"])
@pytest.mark.parametrize("how", ["TRY_CANCEL", "ABANDON"])
def test_a_start_under_way_is_not_waited_for(what: str, how: str) -> None:
    story = Story(Hasty, what, True, how)
    story.task()
    story.fire_timer()
    asked = [c for c in story.task() if isinstance(c, RequestCancelExternalWorkflowExecution)]
    assert len(asked) == (how == "TRY_CANCEL")
    assert story.result in ("CancelledError", "ChildWorkflowError")
    story.replay()


def test_a_start_under_way_may_be_waited_for() -> None:
    story = Story(Hasty, "start", True, "WAIT_CANCELLATION_COMPLETED")
    story.task()
    story.fire_timer()
    assert [type(c) for c in story.task()] == [RequestCancelExternalWorkflowExecution]
    story.start_child("kid")
    story.task()
    assert story.result == "started"
    story.replay()


def test_a_child_in_a_task_that_is_cancelled_ends_as_asyncio_has_it() -> None:
    story = Story(Hasty, "execute", True, "WAIT_CANCELLATION_COMPLETED")
    story.task()
    story.fire_timer()
    story.task()
    story.start_child("kid")
    story.task()
    story.close_child("kid", child.ChildWorkflowExecutionCanceled(b"", *story.child("kid")))
    story.task()
    assert story.result == "CancelledError"
    story.replay()


@workflow.defn
class Whole:
    """Is cancelled itself while its child runs."""

    @workflow.run
    async def run(self) -> str:
        try:
            await workflow.execute_child_workflow("Child", id="kid")
        except ChildWorkflowError as error:
            return type(error.cause).__name__
        return ""


def test_a_workflow_that_is_cancelled_gets_an_error_of_its_child() -> None:
    story = Story(Whole)
    story.task()
    story.start_child("kid")
    story.task()
    story.request_cancel()
    assert [type(c) for c in story.task()] == [RequestCancelExternalWorkflowExecution]
    story.close_child("kid", child.ChildWorkflowExecutionCanceled(b"", *story.child("kid")))
    story.task()
    assert story.result == "CancelledError"
    story.replay()


@workflow.defn
class Signaller:
    @workflow.run
    async def run(self) -> int:
        handle = await workflow.start_child_workflow("Child", id="kid")
        await handle.signal("poke", 7)
        return 1


def test_a_signal_to_a_child_names_the_child() -> None:
    story = Story(Signaller)
    story.task()
    story.start_child("kid")
    [command] = story.task()
    assert isinstance(command, SignalExternalWorkflowExecution)
    assert (command.workflow_id, command.run_id, command.child_initiated_event_id) == ("kid", "", 5)
    story.answer_external("kid")
    story.task()
    assert story.result == 1
    story.replay()


@workflow.defn
class Reluctant:
    @workflow.run
    async def run(self) -> str:
        try:
            await workflow.start_child_workflow("Child", id="taken")
        except WorkflowAlreadyStartedError as error:
            return str(error)
        return "started"


def test_who_is_told_that_a_child_was_not_started_need_not_ask_again(caplog: pytest.LogCaptureFixture) -> None:
    story = Story(Reluctant)
    story.task()
    story.refuse_child("taken")
    story.task()
    assert story.result == "Workflow execution already started"
    gc.collect()
    assert not caplog.records
