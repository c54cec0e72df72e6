"""What is refused before a command is made of it, and how commands are numbered."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perdure import workflow
from perdure.protocol.commands import ScheduleActivityTask, StartTimer
from tests.workflow_story import Story


@workflow.defn
class Asker:
    @workflow.run
    async def run(self, activity_id: str, seconds: float) -> str:
        try:
            await workflow.execute_activity(
                "work",
                activity_id=activity_id,
                start_to_close_timeout=timedelta(seconds=seconds) if seconds else None,
            )
        except ValueError as error:
            return str(error)
        return ""


@pytest.mark.parametrize(
    ("activity_id", "seconds", "problem"),
    [
        ("mine", 0.0, "activity 'work' needs a start_to_close_timeout"),
        ("x" * 1001, 1.0, "activity_id has 1001 characters"),
        ("mine", -1.0, "start_to_close_timeout is negative"),
    ],
)
def test_what_cannot_be_asked_for_is_told_to_the_code(activity_id: str, seconds: float, problem: str) -> None:
    story = Story(Asker, activity_id, seconds)
    story.task()
    assert problem in story.result


@workflow.defn
class Counter:
    @workflow.run
    async def run(self) -> None:
        for _ in range(2):
            workflow.start_activity("work", start_to_close_timeout=timedelta(seconds=1))
        await workflow.sleep(1)


def test_activities_and_timers_are_numbered_each_for_itself() -> None:
    commands = Story(Counter).task()
    assert [c.activity_id for c in commands if isinstance(c, ScheduleActivityTask)] == ["1", "2"]
    assert [c.timer_id for c in commands if isinstance(c, StartTimer)] == ["1"]


def test_an_activity_has_the_priority_of_its_workflow() -> None:
    story = Story(Counter)
    story.events[0] = story.events[0]._replace(attributes=story.events[0].attributes._replace(priority=2))
    assert [c.priority for c in story.task() if isinstance(c, ScheduleActivityTask)] == [2, 2]
    assert story.instance.info().priority.priority_key == 2
