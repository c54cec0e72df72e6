"""Versions of workflow code: which branch a run takes, and which histories which code can replay."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from perdure import workflow
from perdure.exceptions import WorkflowTaskError
from perdure.execution.descriptions import describe
from perdure.execution.surroundings import WorkerSettings
from perdure.execution.versions import PatchActivationInput, change_of
from perdure.protocol.commands import RecordMarker
from perdure.protocol.events import EventType, HistoryEvent, MarkerRecorded, UpsertWorkflowSearchAttributes
from perdure.protocol.marker import unpack_details
from perdure.protocol.search_attributes import SearchAttributeType, pack_search_attributes
from perdure.workflow import DEFAULT_VERSION, NondeterminismError, ReadOnlyContextError
from tests.workflow_story import Story

TIMEOUT = timedelta(seconds=5)


async def _do(name: str) -> None:
    await workflow.execute_activity(name, start_to_close_timeout=TIMEOUT)


async def _patched_flow() -> None:
    if workflow.patched("twice"):
        await _do("new")
    else:
        await _do("old")


# The life of a patch, one version of the code after the other ---------------------------------------------------------
@workflow.defn(name="flow")
async def before() -> None:
    await _do("old")


patched = workflow.defn(name="flow")(_patched_flow)


@workflow.defn(name="flow")
async def deprecated() -> None:
    workflow.deprecate_patch("twice")
    await _do("new")


@workflow.defn(name="flow")
async def after() -> None:
    await _do("new")


def told(code: Any) -> Story:
    """A run of this code, to its end."""
    story = Story(code)
    story.task()
    story.complete_activity("1")
    story.task()
    assert story.is_closed
    return story


@pytest.mark.parametrize(
    ("written_by", "readers"),
    [
        (before, {before, patched}),
        (patched, {patched, deprecated}),
        (deprecated, {patched, deprecated, after}),
        (after, {deprecated, after}),
    ],
)
def test_which_code_replays_which_history(written_by: Any, readers: set[Any]) -> None:
    story = told(written_by)
    for code in (before, patched, deprecated, after):
        if code in readers:
            story.replay(code)
        else:
            with pytest.raises(NondeterminismError):
                story.replay(code)


def test_code_after_the_patch_is_no_reader_of_what_came_before_it() -> None:
    """`patched` with a history of `after` takes the old branch: the code that the history was written by is gone."""
    with pytest.raises(NondeterminismError, match=r"activity 'new'.* now issues .*activity 'old'"):
        told(after).replay(patched)


def test_the_marker_is_temporals() -> None:
    story = told(patched)
    marker = next(event.attributes for event in story.events if event.event_type == EventType.MARKER_RECORDED)
    assert marker.marker_name == "core_patch"
    [payload] = unpack_details(marker.details)["patch-data"]
    assert payload.metadata == {"encoding": b"json/plain"}
    assert json.loads(payload.data) == {"id": "twice", "deprecated": False}


def test_a_removed_patch_is_named_with_the_line_that_waits() -> None:
    with pytest.raises(
        NondeterminismError,
        match=r"event 5 of the history is MarkerRecorded \(patch 'twice'\), but the workflow now issues "
        r"ScheduleActivityTask \(activity 'new', id '1'\) there \(at .*test_versions.py:\d+ in _do\)",
    ):
        told(patched).replay(after)


# The first answer counts for the run ----------------------------------------------------------------------------------
@workflow.defn(name="loop")
class Loop:
    """Asks in every round; `is_new` says whether the code has the question at all."""

    is_new = True

    def __init__(self) -> None:
        self.answers: list[bool] = []

    @workflow.run
    async def run(self) -> list[bool]:
        for _ in range(3):
            if type(self).is_new:
                self.answers.append(workflow.patched("rounds"))
            await asyncio.sleep(1)
        return self.answers


def _rounds(story: Story, count: int, first: int = 1) -> None:
    for number in range(first, first + count):
        story.fire_timer(str(number))
        story.task()


def test_one_marker_a_run() -> None:
    story = Story(Loop)
    story.task()
    _rounds(story, 3)
    assert story.result == [True, True, True]
    assert [event.event_type for event in story.events].count(EventType.MARKER_RECORDED) == 1


@pytest.mark.parametrize("forgetful", [False, True])
def test_no_stays_no_when_the_replay_is_over(forgetful: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Loop, "is_new", False)
    story = Story(Loop)
    story.task()
    _rounds(story, 1)
    monkeypatch.setattr(Loop, "is_new", True)
    story.forget()  # a worker with the new code
    for number in (2, 3):
        _rounds(story, 1, number)
        if forgetful and number == 2:
            story.forget()
    assert story.result == [False, False, False]
    assert EventType.MARKER_RECORDED not in [event.event_type for event in story.events]


@pytest.mark.parametrize("forgetful", [False, True])
def test_yes_from_where_the_run_stood_when_the_question_came(forgetful: bool) -> None:
    """The question stands behind what the old code had done: the run takes the new code, and remembers it."""

    @workflow.defn(name="late")
    async def old() -> str:
        await asyncio.sleep(1)
        return "old"

    @workflow.defn(name="late")
    async def new() -> str:
        await asyncio.sleep(1)
        if workflow.patched("late"):
            await asyncio.sleep(1)
            return "new"
        return "old"

    story = Story(old)
    story.task()
    story.definition = Story(new).definition
    story.forget()
    story.fire_timer("1")
    story.task()
    if forgetful:
        story.forget()
    story.fire_timer("2")
    story.task()
    assert story.result == "new"
    story.replay()


def test_code_that_asks_earlier_than_the_marker_stands() -> None:
    """It is told no, as the run was old there; the marker that comes later has then nobody who asks for it."""

    @workflow.defn(name="moved")
    async def late() -> None:
        await asyncio.sleep(1)
        workflow.patched("moved")
        await asyncio.sleep(1)

    @workflow.defn(name="moved")
    async def early() -> None:
        workflow.patched("moved")
        await asyncio.sleep(1)
        await asyncio.sleep(1)

    story = Story(late)
    story.task()
    story.fire_timer("1")
    story.task()
    with pytest.raises(NondeterminismError, match=r"event 10 .*patch 'moved'.* issues StartTimer"):
        story.replay(early)


def test_code_may_ask_later_than_the_marker_stands_when_it_is_deprecated() -> None:
    @workflow.defn(name="moved")
    async def early() -> None:
        workflow.deprecate_patch("moved")
        await asyncio.sleep(1)
        await asyncio.sleep(1)

    @workflow.defn(name="moved")
    async def late() -> None:
        await asyncio.sleep(1)
        assert workflow.patched("moved")
        await asyncio.sleep(1)

    story = Story(early)
    story.task()
    story.fire_timer("1")
    story.task()
    story.replay(late)


def test_two_patches_at_one_place() -> None:
    @workflow.defn(name="two")
    async def both() -> list[bool]:
        return [workflow.patched("a"), workflow.patched("b"), workflow.patched("a")]

    @workflow.defn(name="two")
    async def only_b() -> list[bool]:
        return [workflow.patched("b")]

    @workflow.defn(name="two")
    async def other_way_round() -> list[bool]:
        return [workflow.patched("b"), workflow.patched("a")]

    story = Story(both)
    story.task()
    assert story.result == [True, True, True]
    story.replay()
    with pytest.raises(NondeterminismError, match="patch 'a'"):
        story.replay(only_b)
    with pytest.raises(NondeterminismError, match="patch 'b'"):
        story.replay(other_way_round)


def test_deprecated_patches_may_go_one_by_one() -> None:
    @workflow.defn(name="two")
    async def both() -> None:
        workflow.deprecate_patch("a")
        workflow.deprecate_patch("b")

    @workflow.defn(name="two")
    async def only_b() -> None:
        workflow.deprecate_patch("b")

    story = Story(both)
    story.task()
    story.replay(only_b)


# Versions ------------------------------------------------------------------------------------------------------------
def versioned(minimum: int, maximum: int) -> Any:
    @workflow.defn(name="versioned")
    async def flow() -> int:
        version = workflow.get_version("fee", minimum, maximum)
        assert version == workflow.get_version("fee", minimum, maximum)
        await _do(f"fee-{version}")
        return version

    return flow


@workflow.defn(name="versioned")
async def unversioned() -> int:
    await _do("fee--1")
    return DEFAULT_VERSION


@workflow.defn(name="versioned")
async def no_longer_versioned() -> int:
    await _do("fee-2")
    return 2


def test_new_runs_get_the_highest_version() -> None:
    story = told(versioned(DEFAULT_VERSION, 2))
    assert story.result == 2
    marker = next(event.attributes for event in story.events if event.event_type == EventType.MARKER_RECORDED)
    details = {name: json.loads(payload.data) for name, [payload] in unpack_details(marker.details).items()}
    assert (marker.marker_name, details) == ("Version", {"change-id": "fee", "version": 2})


def test_a_run_keeps_its_version_when_the_code_goes_on() -> None:
    told(versioned(DEFAULT_VERSION, 1)).replay(versioned(DEFAULT_VERSION, 3))
    told(unversioned).replay(versioned(DEFAULT_VERSION, 3))


def test_the_question_may_go_when_one_version_is_left() -> None:
    told(versioned(2, 2)).replay(no_longer_versioned)


@pytest.mark.parametrize(
    ("written_by", "minimum", "maximum", "words"),
    [
        (
            versioned(1, 1),
            2,
            3,
            r"has version 1 of 'fee', and the code supports 2 to 3 \(at .*flow\)\. Keep the code",
        ),
        (versioned(1, 3), 1, 2, "has version 3 of 'fee', and the code supports 1 to 2 .*older than the one that began"),
        (unversioned, 1, 1, "has version -1 of 'fee', and the code supports 1 to 1"),
    ],
)
def test_outside_of_the_range(written_by: Any, minimum: int, maximum: int, words: str) -> None:
    with pytest.raises(NondeterminismError, match=words):
        told(written_by).replay(versioned(minimum, maximum))


def test_the_search_attribute_that_temporals_sdks_upsert_behind_a_marker_is_passed_over() -> None:
    def with_upsert(name: str) -> Story:
        story = told(patched)
        index = next(i for i, event in enumerate(story.events) if event.event_type == EventType.MARKER_RECORDED)
        attributes = pack_search_attributes({name: (int(SearchAttributeType.KEYWORD_LIST), ("twice-1",))})
        upsert = UpsertWorkflowSearchAttributes(4, attributes)
        event = HistoryEvent(6, story.events[index].time_us, int(EventType.UPSERT_WORKFLOW_SEARCH_ATTRIBUTES), upsert)
        behind = [item._replace(event_id=item.event_id + 1) for item in story.events[index + 1 :]]
        story.events[index + 1 :] = [event, *(_moved(item) for item in behind)]
        return story

    with_upsert("TemporalChangeVersion").replay()
    with pytest.raises(NondeterminismError, match=r"event 6 .*UpsertWorkflowSearchAttributes"):
        with_upsert("Customer").replay()


def _moved(event: HistoryEvent) -> HistoryEvent:
    """The same with its reference to a scheduled event moved by one."""
    attributes = event.attributes
    if event.event_type == EventType.ACTIVITY_TASK_COMPLETED:
        attributes = attributes._replace(scheduled_event_id=attributes.scheduled_event_id + 1)
    return event._replace(attributes=attributes)


# Wrong use -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: workflow.patched(""), "a patch id must not be empty"),
        (lambda: workflow.deprecate_patch("x" * 1001), "1001 characters"),
        (lambda: workflow.get_version("", 1, 1), "a change id must not be empty"),
        (lambda: workflow.get_version("fee", 2, 1), "from 2 to 1: give a minimum of at least -1"),
        (lambda: workflow.get_version("fee", -2, 1), "from -2 to 1"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Any, words: str) -> None:
    @workflow.defn
    async def flow() -> None:
        call()

    with pytest.raises(ValueError, match=words):
        Story(flow).task()


def test_a_query_cannot_ask() -> None:
    @workflow.defn
    class Flow:
        @workflow.run
        async def run(self) -> None:
            await asyncio.sleep(1)

        @workflow.query
        def ask(self) -> bool:
            return workflow.patched("x")

    story = Story(Flow)
    story.task()
    with pytest.raises(ReadOnlyContextError):
        story.instance.query("ask", b"")


def test_a_marker_of_something_else_is_left_alone() -> None:
    assert change_of(MarkerRecorded("side", b"\xff", 4)) is None
    assert describe(RecordMarker("side")) == "RecordMarker ('side')"


def test_a_marker_that_nobody_can_read_says_so() -> None:
    with pytest.raises(WorkflowTaskError, match=r"marker 'core_patch' .* has no details of a version"):
        change_of(MarkerRecorded("core_patch", b"", 4))


# What a worker is asked -----------------------------------------------------------------------------------------------
def _asking(answer: Any) -> tuple[WorkerSettings, list[PatchActivationInput]]:
    asked: list[PatchActivationInput] = []

    def activate(question: PatchActivationInput) -> Any:
        asked.append(question)
        return answer

    return WorkerSettings("default", "queue", patch_activation=activate), asked


def test_a_worker_may_keep_new_runs_from_a_change() -> None:
    settings, asked = _asking(False)
    story = Story(patched, settings=settings)
    story.task()
    story.forget()
    story.complete_activity("1")
    story.task()
    assert [(question.workflow_info.workflow_id, question.patch_id) for question in asked] == [("wf", "twice")]
    assert EventType.MARKER_RECORDED not in [event.event_type for event in story.events]
    story.replay(before)


def test_it_is_asked_of_nothing_that_the_history_or_the_code_decides() -> None:
    settings, asked = _asking(True)
    for code in (patched, deprecated):
        story = Story(code, settings=settings)
        story.task()
        story.forget()
        story.complete_activity("1")
        story.task()
        assert [event.event_type for event in story.events].count(EventType.MARKER_RECORDED) == 1
    assert len(asked) == 1


def test_an_answer_that_is_none_is_refused() -> None:
    settings, _ = _asking("yes")
    with pytest.raises(TypeError, match="answered 'yes'; give True or False"):
        Story(patched, settings=settings).task()


def test_who_is_asked_may_only_look() -> None:
    def activate(question: PatchActivationInput) -> bool:
        return workflow.patched("another")

    with pytest.raises(ReadOnlyContextError):
        Story(patched, settings=WorkerSettings("default", "queue", patch_activation=activate)).task()
