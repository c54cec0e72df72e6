"""History beside code, at the end of the error that says that they part."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perdure import workflow
from perdure.workflow import NondeterminismError
from tests.workflow_story import Story

TIMEOUT = timedelta(seconds=5)


async def _do(name: str) -> None:
    await workflow.execute_activity(name, start_to_close_timeout=TIMEOUT)


@workflow.defn(name="flow")
async def original() -> None:
    await _do("one")
    await asyncio.sleep(1)
    await _do("two")


def told() -> Story:
    story = Story(original)
    story.task()
    story.complete_activity("1")
    story.task()
    story.fire_timer("1")
    story.task()
    story.complete_activity("2")
    story.task()
    return story


def table_of(changed: Any) -> list[str]:
    """The lines of the error behind its first, without the paths in them."""
    with pytest.raises(NondeterminismError) as caught:
        told().replay(changed)
    assert caught.value.event_id
    first, *lines = str(caught.value).splitlines()
    assert first.endswith("or give the changed workflow a new name")
    file = __file__
    return [" ".join(line.replace(file, "FILE").split()) for line in lines]


def numberless(lines: list[str]) -> list[str]:
    """The same without the numbers of lines."""
    return [" ".join("FILE" if word.startswith("FILE:") else word for word in line.split()) for line in lines]


def test_an_added_activity() -> None:
    @workflow.defn(name="flow")
    async def added() -> None:
        await _do("one")
        workflow.start_activity("audit", start_to_close_timeout=TIMEOUT)
        await asyncio.sleep(1)
        await _do("two")

    assert numberless(table_of(added)) == [
        "the history says the code does",
        "5 ActivityTaskScheduled (activity 'one', id '1') the same, at FILE in _do",
        "--> 11 TimerStarted (id '1', 1000 ms) ScheduleActivityTask (activity 'audit', id '2'), at FILE in "
        "test_an_added_activity.<locals>.added",
        "nothing StartTimer (id '1', 1000 ms), at FILE in test_an_added_activity.<locals>.added",
        "FILE in test_an_added_activity.<locals>.added:",
        'workflow.start_activity("audit", start_to_close_timeout=TIMEOUT)',
    ]


def test_what_is_missing_at_the_end_points_at_the_function() -> None:
    @workflow.defn(name="flow")
    async def shortened() -> None:
        await _do("one")
        await asyncio.sleep(1)

    *_, mismatch, _, text = table_of(shortened)
    assert mismatch.startswith(
        "--> 16 ActivityTaskScheduled (activity 'two', id '2') CompleteWorkflowExecution, at FILE"
    )
    assert text == "async def shortened() -> None:"


def test_code_that_waits_is_shown_where_it_waits() -> None:
    @workflow.defn(name="flow")
    async def waits() -> None:
        await _do("one")
        await workflow.wait_condition(lambda: False)

    *_, mismatch, place, text = numberless(table_of(waits))
    assert mismatch == "--> 11 TimerStarted (id '1', 1000 ms) nothing"
    assert place.endswith("<locals>.waits:")
    assert text == "await workflow.wait_condition(lambda: False)"


def test_code_that_fails_is_shown_where_it_raised() -> None:
    @workflow.defn(name="flow")
    async def fails() -> None:
        await _do("one")
        raise TimeoutError("too late")

    *_, mismatch, _, text = table_of(fails)
    assert "FailWorkflowExecution, at FILE:" in mismatch
    assert text == 'raise TimeoutError("too late")'


def test_much_of_it_is_cut() -> None:
    @workflow.defn(name="flow")
    async def many() -> None:
        for number in range(9):
            workflow.start_activity(f"{'x' * 90}{number}", start_to_close_timeout=TIMEOUT)
        await asyncio.sleep(1)

    lines = table_of(many)
    assert lines[1].startswith("--> 5 ActivityTaskScheduled (activity 'one', id '1') ScheduleActivityTask")
    assert [line for line in lines if line == "... ..."]
    assert len(lines) == 7


def test_what_the_last_task_asked_for_in_vain_is_found_at_the_end() -> None:
    """The history stops where the run stands; the code has gone further."""

    @workflow.defn(name="flow")
    async def further() -> None:
        workflow.start_activity("one", start_to_close_timeout=TIMEOUT)
        await asyncio.sleep(1)

    story = Story(original)
    story.task()
    with pytest.raises(NondeterminismError, match=r"issues StartTimer .* no event of it before event 6"):
        story.replay(further)
