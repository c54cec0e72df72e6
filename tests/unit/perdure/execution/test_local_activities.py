"""Local activities of a workflow, live and replayed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perdure import workflow
from perdure.execution.local_activities import LocalCall
from perdure.execution.local_marker import LocalOutcome
from perdure.protocol.commands import RecordMarker, ScheduleActivityTask, StartTimer
from perdure.protocol.failure import ApplicationInfo, CanceledInfo, Failure
from perdure.workflow import NondeterminismError
from tests.workflow_story import Story

TIMEOUT = timedelta(seconds=9)


def local(name: str, *arguments: Any, **options: Any) -> workflow.ActivityHandle[Any]:
    return workflow.start_local_activity(name, args=arguments, start_to_close_timeout=TIMEOUT, **options)


def returns(story: Story, call: LocalCall, value: Any) -> LocalOutcome:
    data = story.converter.value_to_bytes(value)
    return LocalOutcome(call.number, call.activity_id, call.activity_type, call.attempt, data)


def fails(call: LocalCall, **changes: Any) -> LocalOutcome:
    failure = Failure.of("broken", ApplicationInfo("Broken"))
    outcome = LocalOutcome(call.number, call.activity_id, call.activity_type, call.attempt, failure=failure)
    return outcome._replace(**changes)


@workflow.defn
async def one_by_one() -> list[Any]:
    first = await local("first", 1)
    remote = workflow.start_activity("remote", start_to_close_timeout=TIMEOUT)
    second = await local("second", first, activity_id="mine")
    await workflow.sleep(5)
    return [first, second, await remote]


def test_results_become_markers_in_the_order_of_events() -> None:
    story = Story(one_by_one)
    kinds = [type(c) for c in story.task(lambda call: returns(story, call, call.activity_id))]
    assert kinds == [RecordMarker, ScheduleActivityTask, RecordMarker, StartTimer]
    story.complete_activity("1", "far")
    story.task()
    story.forget()
    story.fire_timer()
    story.task()
    assert story.result == ["1", "mine", "far"]
    story.replay()


@workflow.defn
async def several() -> list[Any]:
    return await asyncio.gather(*(local(name) for name in ("a", "b", "c")))


def test_several_at_once_end_in_any_order() -> None:
    story = Story(several)
    order = iter(["c", "a", "b"])
    due = next(order)

    def one_after_another(call: LocalCall) -> LocalOutcome | None:
        nonlocal due
        if call.activity_type != due:
            return None
        due = next(order, "")
        return returns(story, call, call.activity_type.upper())

    commands = story.task(one_after_another)
    assert [type(command) for command in commands[:-1]] == [RecordMarker] * 3
    assert story.result == ["A", "B", "C"]
    story.replay()


def test_what_takes_long_spans_several_workflow_tasks() -> None:
    story = Story(one_by_one)
    assert story.task(lambda call: None) == []
    assert story.is_task_pending
    story.task(lambda call: returns(story, call, 1) if call.activity_type == "first" else None)
    story.forget()
    assert len(story.task(lambda call: returns(story, call, 2))) == 2
    story.complete_activity("1", 3)
    story.fire_timer()
    story.task()
    assert story.result == [1, 2, 3]
    story.replay()


@workflow.defn
async def retried() -> Any:
    return await local("flaky")


def test_a_long_backoff_is_a_timer_of_the_workflow() -> None:
    story = Story(retried)
    marker, timer = story.task(lambda call: fails(call, backoff_ms=90_000, attempt=4))
    assert isinstance(marker, RecordMarker)
    assert isinstance(timer, StartTimer)
    assert timer.start_to_fire_timeout_ms == 90_000
    story.fire_timer()
    seen = []

    def look(call: LocalCall) -> LocalOutcome:
        seen.append((call.number, call.activity_id, call.attempt))
        return returns(story, call, "at last")

    story.task(look)
    assert seen == [(2, "1", 5)]
    assert story.result == "at last"
    story.replay()


def test_a_failure_is_an_activity_error() -> None:
    story = Story(retried)
    story.task(fails)
    assert str(story.failure) == "Activity task failed"
    assert str(story.failure.__cause__) == "Broken: broken"
    story.replay()


KINDS = workflow.ActivityCancellationType


@workflow.defn
async def cancels(kind: int) -> list[str]:
    slow = local("slow", cancellation_type=KINDS(kind))
    await local("quick")
    slow.cancel()
    told = []
    try:
        await slow
    except Exception as error:
        told.append(f"{error}, {error.__cause__!r}")
    told.append(await local("last"))
    return told


@pytest.mark.parametrize("kind", list(KINDS))
def test_cancelling_one_that_runs(kind: workflow.ActivityCancellationType) -> None:
    story = Story(cancels, int(kind))
    stopped = Failure.of("Cancelled", CanceledInfo())

    def outcome(call: LocalCall) -> LocalOutcome | None:
        wanted = story.instance.local_activities
        if call.activity_type != "slow":
            return returns(story, call, call.activity_type)
        return fails(call, failure=stopped) if call.number in wanted.cancelling else None

    markers = [command for command in story.task(outcome) if isinstance(command, RecordMarker)]
    assert len(markers) == (3 if kind == KINDS.WAIT_CANCELLATION_COMPLETED else 2)
    assert dict(story.instance.local_activities.abandoned) == ({1: 1} if kind == KINDS.ABANDON else {})
    assert [text.partition(",")[0] for text in story.result] == ["Activity task cancelled", "last"]
    story.replay()


@workflow.defn
async def changes_its_mind() -> str:
    never = local("never", cancellation_type=KINDS.WAIT_CANCELLATION_COMPLETED)
    never.cancel()
    await local("quick", activity_id="q")
    try:
        async with asyncio.timeout(0):
            await workflow.execute_local_activity("late", start_to_close_timeout=TIMEOUT)
    except TimeoutError:
        return "gave up"
    return "did not"


def test_one_that_was_never_begun_leaves_nothing() -> None:
    story = Story(changes_its_mind)
    commands = story.task(lambda call: returns(story, call, 1) if call.activity_type == "quick" else None)
    assert [type(command) for command in commands[:-1]] == [RecordMarker]
    assert story.result == "gave up"
    story.replay()


def test_what_nobody_waits_for_any_more_changes_nothing() -> None:
    story = Story(several)
    calls: list[LocalCall] = []

    def note(call: LocalCall) -> None:
        calls.append(call)

    story.task(note)
    story.task(lambda call: returns(story, call, 1))
    before = list(story.instance.take_commands())
    story.instance.local_activities.settle(returns(story, calls[0], 2))
    assert story.instance.take_commands() == before == []


@workflow.defn
async def renamed() -> list[Any]:
    return await asyncio.gather(*(local(name) for name in ("a", "x", "c")))


@workflow.defn
async def fewer() -> list[Any]:
    return [await local("a")]


@workflow.defn
async def remote_instead() -> list[Any]:
    return [await workflow.execute_activity("a", start_to_close_timeout=TIMEOUT)]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (renamed, "MarkerRecorded (local activity 'b', id '2'), but the workflow now issues RecordMarker (local act"),
        (fewer, "MarkerRecorded (local activity 'b', id '2'), but the workflow now issues CompleteWorkflowExecution"),
        (
            remote_instead,
            "MarkerRecorded (local activity 'a', id '1'), but the workflow now issues ScheduleActivityTask",
        ),
    ],
)
def test_changed_code_is_told_where(changed: Any, words: str) -> None:
    story = Story(several)
    story.task(lambda call: returns(story, call, 1))
    with pytest.raises(NondeterminismError) as caught:
        story.replay(changed)
    assert words in str(caught.value)
