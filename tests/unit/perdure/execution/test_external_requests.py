"""What a workflow sends to others, as its code waits for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure import workflow
from perdure.exceptions import ApplicationError
from perdure.protocol.external_workflow import (
    RequestCancelExternalWorkflowExecution,
    SignalExternalWorkflowExecution,
)
from perdure.workflow import NondeterminismError
from tests.workflow_story import Story


@workflow.defn
class Sender:
    @workflow.run
    async def run(self, what: str) -> str:
        handle = workflow.get_external_workflow_handle("other", run_id="r1")
        try:
            if what == "signal":
                await handle.signal("poke", 7)
            else:
                await handle.cancel(reason="enough")
        except ApplicationError as error:
            return f"{error.type} {error.message}"
        return "arrived"


def test_a_signal_is_a_command() -> None:
    story = Story(Sender, "signal")
    [command] = story.task()
    assert isinstance(command, SignalExternalWorkflowExecution)
    assert command[:3] == ("other", "r1", "poke")
    assert command.child_initiated_event_id == 0
    story.answer_external("other")
    story.task()
    assert story.result == "arrived"
    story.replay()


def test_a_request_to_stop_is_a_command() -> None:
    story = Story(Sender, "cancel")
    assert story.task() == [RequestCancelExternalWorkflowExecution("other", "r1", "enough")]
    story.answer_external("other")
    story.task()
    assert story.result == "arrived"
    story.replay()


@pytest.mark.parametrize(("what", "verb"), [("signal", "signal"), ("cancel", "cancel")])
def test_what_finds_nobody_raises(what: str, verb: str) -> None:
    story = Story(Sender, what)
    story.task()
    story.answer_external("other", "EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND")
    story.task()
    assert story.result == (
        f"EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND Unable to {verb} workflow 'other': there is no open run of it"
    )
    story.replay()


@workflow.defn
class Impatient:
    """Gives up a signal before it was sent, and one after that."""

    @workflow.run
    async def run(self) -> list[str]:
        handle = workflow.get_external_workflow_handle("other")
        unsent = asyncio.ensure_future(handle.signal("never"))
        await asyncio.sleep(0)
        unsent.cancel()
        sent = asyncio.ensure_future(handle.signal("late"))
        await workflow.sleep(1)
        sent.cancel()
        return [type(item).__name__ for item in await asyncio.gather(unsent, sent, return_exceptions=True)]


def test_who_gives_up_waits_no_longer() -> None:
    story = Story(Impatient)
    names = [c.signal_name for c in story.task() if isinstance(c, SignalExternalWorkflowExecution)]
    assert names == ["late"]
    story.fire_timer()
    story.task()
    assert story.result == ["CancelledError", "CancelledError"]
    story.replay()


@workflow.defn
class Wrong:
    @workflow.run
    async def run(self, what: str) -> str:
        given: Any = "" if what == "id" else "other"
        try:
            await workflow.get_external_workflow_handle(given).signal("" if what == "name" else "poke")
        except ValueError as error:
            return str(error)
        return ""


@pytest.mark.parametrize(
    ("what", "problem"),
    [("id", "the id of another workflow must not be empty"), ("name", "the name of a signal must not be empty")],
)
def test_what_cannot_be_sent_is_told_at_once(what: str, problem: str) -> None:
    story = Story(Wrong, what)
    story.task()
    assert story.result == problem


@workflow.defn(name="Sender")
class Changed:
    @workflow.run
    async def run(self, what: str) -> None:
        await workflow.get_external_workflow_handle("another").signal("poke", 7)


def test_another_target_than_the_history_has_is_told() -> None:
    story = Story(Sender, "signal")
    story.task()
    story.answer_external("other")
    story.task()
    with pytest.raises(NondeterminismError) as told:
        story.replay(Changed)
    assert "SignalExternalWorkflowExecutionInitiated ('poke' to workflow 'other')" in str(told.value)
