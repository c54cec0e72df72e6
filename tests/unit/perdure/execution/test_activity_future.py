"""An activity as its workflow holds it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perdure import workflow
from perdure.exceptions import ActivityError, CancelledError
from perdure.protocol.commands import RequestCancelActivityTask, ScheduleActivityTask
from perdure.workflow import ActivityCancellationType
from tests.workflow_story import Story

TIMEOUT = timedelta(seconds=5)


@workflow.defn
class Holder:
    """Starts an activity, cancels it, and says how it ended."""

    @workflow.run
    async def run(self, how: str) -> list[Any]:
        handle = workflow.start_activity(
            "work", start_to_close_timeout=TIMEOUT, cancellation_type=ActivityCancellationType[how]
        )
        await asyncio.sleep(1)
        assert handle.cancel()
        handle.cancel()
        try:
            return ["result", await handle]
        except ActivityError as error:
            assert not handle.cancel()
            return [type(error.cause).__name__, error.activity_id, handle.cancelled()]


@pytest.mark.parametrize("how", ["TRY_CANCEL", "ABANDON"])
def test_a_cancelled_handle_raises_an_activity_error(how: str) -> None:
    story = Story(Holder, how)
    story.task()
    story.fire_timer()
    asked = [c for c in story.task() if isinstance(c, RequestCancelActivityTask)]
    assert len(asked) == (how == "TRY_CANCEL")
    assert story.result == ["CancelledError", "1", False]
    story.replay()


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_one_that_is_waited_for_may_still_return(is_confirmed: bool) -> None:
    story = Story(Holder, "WAIT_CANCELLATION_COMPLETED")
    story.task()
    story.fire_timer()
    assert [type(c) for c in story.task()] == [RequestCancelActivityTask]
    if is_confirmed:
        story.confirm_activity_cancelled("1")
    else:
        story.complete_activity("1", "made it")
    story.task()
    assert story.result == (["CancelledError", "1", False] if is_confirmed else ["result", "made it"])
    story.replay()


@workflow.defn
async def group_with_a_failure() -> str:
    async def fail() -> None:
        await asyncio.sleep(1)
        raise ValueError("one of us")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(workflow.execute_activity("work", start_to_close_timeout=TIMEOUT))
            group.create_task(fail())
    except* ValueError as caught:
        failures = len(caught.exceptions)
    return f"{failures} failure, the activity was cancelled quietly"


def test_a_task_that_asyncio_cancels_sees_plain_cancellation() -> None:
    story = Story(group_with_a_failure)
    story.task()
    story.fire_timer()
    assert isinstance(story.task()[0], RequestCancelActivityTask)
    assert story.result == "1 failure, the activity was cancelled quietly"


def test_a_workflow_that_is_cancelled_sees_an_activity_error() -> None:
    seen: list[Any] = []

    @workflow.defn
    async def saga() -> None:
        try:
            await workflow.execute_activity("work", start_to_close_timeout=TIMEOUT)
        except Exception as error:
            seen.append(error)
            await workflow.execute_activity("compensate", start_to_close_timeout=TIMEOUT)
            raise

    story = Story(saga)
    story.task()
    story.request_cancel()
    commands = story.task()
    assert [type(c) for c in commands] == [RequestCancelActivityTask, ScheduleActivityTask]
    assert isinstance(seen[0], ActivityError)
    assert isinstance(seen[0].cause, CancelledError)


def test_an_activity_that_ended_cancelled_by_itself() -> None:
    @workflow.defn
    async def simple() -> None:
        await workflow.execute_activity("work", start_to_close_timeout=TIMEOUT)

    story = Story(simple)
    story.task()
    story.confirm_activity_cancelled("1")
    story.task()
    assert isinstance(story.failure, ActivityError)
    assert isinstance(story.failure.cause, CancelledError)
