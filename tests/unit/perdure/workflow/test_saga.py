"""`workflow.Saga`: what is undone, when, in which order, and what is raised then."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perdure import activity, workflow
from perdure.exceptions import ActivityError, ApplicationError
from perdure.protocol import commands as cmd
from tests.workflow_story import Story

MINUTE = timedelta(minutes=1)


@activity.defn
async def undo(what: str) -> None: ...


def scheduled(story: Story) -> list[str]:
    """What the last workflow task asked to be undone."""
    commands = [command for command in story.commands if isinstance(command, cmd.ScheduleActivityTask)]
    return [story.converter.from_bytes(command.input, [str])[0] for command in commands]


def told(story: Story, *, fail: str = "") -> list[str]:
    """Let every compensation succeed, but for one that fails; returns what was undone, in order."""
    undone = []
    while not story.is_closed:
        for what in scheduled(story):
            undone.append(what)
            (story.fail_activity if what == fail else story.complete_activity)(str(len(undone)))
        story.task()
    return undone


@workflow.defn
class Booking:
    """Three steps that succeed at once; then what `end` says."""

    @workflow.run
    async def run(self, end: str, parallel: bool = False) -> str:
        async with workflow.Saga(parallel=parallel) as saga:
            for what in ("flight", "hotel", "car"):
                saga.add_activity(undo, what, start_to_close_timeout=MINUTE)
            if end == "failure":
                raise ApplicationError("no money", type="Payment")
            if end == "defect":
                raise KeyError("amount")
            if end == "group":
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._fail())
            if end == "wait":
                await workflow.sleep(3600)
        return "booked"

    async def _fail(self) -> None:
        raise ApplicationError("no seat")


def test_nothing_is_undone_when_all_steps_stand() -> None:
    story = Story(Booking, "well")
    story.task()
    assert story.result == "booked"


@pytest.mark.parametrize("end", ["failure", "group"])
def test_a_failure_undoes_all_in_reverse_and_stays_what_it_is(end: str) -> None:
    story = Story(Booking, end)
    story.task()
    assert scheduled(story) == ["car"]
    assert told(story) == ["car", "hotel", "flight"]
    failure = story.failure
    assert isinstance(failure, ApplicationError)
    assert "no money" in str(failure) or "no seat" in str(failure.__cause__ or failure)
    story.replay()


def test_compensations_run_at_once_when_asked() -> None:
    story = Story(Booking, "failure", True)
    story.task()
    assert scheduled(story) == ["car", "hotel", "flight"]
    assert told(story) == ["car", "hotel", "flight"]
    assert isinstance(story.failure, ApplicationError)


def test_a_defect_of_the_code_undoes_nothing() -> None:
    story = Story(Booking, "defect")
    with pytest.raises(KeyError):
        story.task()


def test_a_cancelled_workflow_undoes_and_then_is_cancelled() -> None:
    story = Story(Booking, "wait")
    story.task()
    story.request_cancel()
    story.task()
    assert scheduled(story) == ["car"]
    told(story)
    assert isinstance(story.commands[-1], cmd.CancelWorkflowExecution)
    story.replay()


def test_a_cancellation_does_not_stop_what_is_being_undone() -> None:
    story = Story(Booking, "failure")
    story.task()
    story.request_cancel()
    story.task()
    assert not story.is_closed
    story.complete_activity("1")
    story.task()
    assert scheduled(story) == ["hotel"]
    story.complete_activity("2")
    story.task()
    story.complete_activity("3")
    story.task()
    assert "no money" in str(story.failure)
    story.replay()


def test_a_compensation_that_fails_hides_neither_the_cause_nor_the_others() -> None:
    story = Story(Booking, "failure")
    story.task()
    assert told(story, fail="hotel") == ["car", "hotel", "flight"]
    failure = story.failure
    assert isinstance(failure, ApplicationError)
    assert failure.type == "CompensationError"
    assert str(failure) == ("CompensationError: Payment: no money (1 of 3 compensations failed: undo: Broken: broken)")
    assert isinstance(failure.cause, ApplicationError)
    assert failure.cause.type == "Payment"


@workflow.defn
async def by_hand() -> Any:
    saga = workflow.Saga()
    undone: list[str] = []

    async def note(what: str) -> None:
        undone.append(what)

    saga.add(note, "first")
    saga.add_activity(undo, "second", start_to_close_timeout=MINUTE)
    try:
        await saga.compensate()
    except* ActivityError as group:
        undone.append(str(group.exceptions[0].__cause__))
    await saga.compensate()
    return undone


def test_a_saga_can_be_turned_back_by_hand_once() -> None:
    story = Story(by_hand)
    story.task()
    story.fail_activity("1", "stuck")
    story.task()
    assert story.result == ["first", "Broken: stuck"]
    story.replay()


def test_an_instance_that_is_dropped_while_it_undoes_undoes_nothing_more() -> None:
    story = Story(Booking, "failure")
    story.task()
    story.forget()
    story.complete_activity("1")
    story.task()
    assert scheduled(story) == ["hotel"]


@pytest.mark.parametrize(
    ("arguments", "options", "problem"),
    [
        ((undo, "x"), {}, "needs a start_to_close_timeout"),
        ((undo, "x"), {"start_to_close_timeout": MINUTE, "timeout": 3}, "unexpected keyword argument 'timeout'"),
        ((len, "x"), {"start_to_close_timeout": MINUTE}, "is not an activity"),
    ],
)
def test_what_could_never_run_is_refused_when_it_is_registered(arguments: Any, options: Any, problem: str) -> None:
    with pytest.raises((TypeError, ValueError), match=problem):
        workflow.Saga().add_activity(*arguments, **options)
