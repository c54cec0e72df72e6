"""Memo and search attributes, as a workflow sees and changes them."""

from __future__ import annotations

import pytest

from perdure import workflow
from perdure.common import SearchAttributeKey
from perdure.exceptions import WorkflowTaskError
from perdure.protocol.commands import ModifyWorkflowProperties, UpsertSearchAttributes
from perdure.protocol.search_attributes import unpack_search_attributes
from tests.workflow_story import Story

STEP = SearchAttributeKey.for_keyword("Step")
COUNT = SearchAttributeKey.for_int("Count")


@workflow.defn
class Progress:
    @workflow.run
    async def run(self) -> list[str]:
        seen: list[str] = []
        for step in ("first", "second"):
            workflow.upsert_search_attributes([STEP.value_set(step), COUNT.value_set(len(seen))])
            workflow.upsert_memo({"step": step, "gone": None})
            seen.append(workflow.info().typed_search_attributes[STEP] + workflow.memo_value("step", type_hint=str))
            await workflow.sleep(60)
        workflow.upsert_search_attributes([COUNT.value_unset()])
        assert COUNT not in workflow.info().typed_search_attributes
        assert workflow.info().search_attributes == {"Step": ["second"]}
        return seen

    @workflow.query
    def step(self) -> str:
        return workflow.info().typed_search_attributes.get(STEP, "")

    @workflow.query
    def meddle(self) -> None:
        workflow.upsert_memo({"a": 1})


def test_what_is_set_is_seen_at_once_and_after_a_replay() -> None:
    story = Story(Progress)
    commands = story.task()
    assert [type(command) for command in commands[:2]] == [UpsertSearchAttributes, ModifyWorkflowProperties]
    assert isinstance(commands[0], UpsertSearchAttributes)
    assert unpack_search_attributes(commands[0].search_attributes) == {"Step": (2, "first"), "Count": (3, 0)}
    story.fire_timer("1")
    story.forget()
    story.task()
    assert story.instance.query("step", b"") == story.converter.value_to_bytes("second")
    story.fire_timer("2")
    story.task()
    assert story.result == ["firstfirst", "secondsecond"]


def test_a_query_changes_nothing() -> None:
    story = Story(Progress)
    story.task()
    with pytest.raises(workflow.ReadOnlyContextError):
        story.instance.query("meddle", b"")


@workflow.defn
class Careless:
    @workflow.run
    async def run(self, kind: str) -> None:
        if kind == "type":
            workflow.upsert_search_attributes([COUNT.value_set("many")])  # type: ignore[arg-type]
        elif kind == "name":
            workflow.upsert_memo({"": 1})
        else:
            workflow.upsert_memo({"a": "x" * 3_000_000})


@pytest.mark.parametrize(
    ("kind", "message"),
    [("type", "which takes an integer"), ("name", "a memo's name"), ("size", "the memo takes 3,000")],
)
def test_what_goes_too_far_says_so_at_the_call(kind: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Story(Careless, kind).task()


@workflow.defn
class Forgetful:
    @workflow.run
    async def run(self) -> None:
        if not workflow.unsafe.is_replaying():
            workflow.upsert_memo({"a": 1})
        await workflow.sleep(60)


def test_an_upsert_that_is_missing_on_replay_is_named() -> None:
    story = Story(Forgetful)
    story.task()
    story.fire_timer("1")
    story.forget()
    with pytest.raises(WorkflowTaskError, match="WorkflowPropertiesModified"):
        story.task()
