"""Handlers that a running workflow asks for and sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perdure import workflow
from perdure.common import RawValue
from perdure.exceptions import ApplicationError
from tests.workflow_story import Story


@workflow.defn
async def late() -> list[Any]:
    """A function has no handlers but those it sets."""
    seen: list[Any] = []

    def note(text: str) -> int:
        seen.append(text)
        return len(seen)

    def refuse_nothing(text: str) -> None:
        if not text:
            raise ApplicationError("say something")

    def anything(name: str, args: Sequence[RawValue]) -> str:
        seen.append([name, len(args)])
        return name

    assert workflow.get_update_handler("note") is None
    workflow.set_update_handler("note", note, validator=refuse_nothing)
    workflow.set_signal_handler("poke", seen.append)
    workflow.set_query_handler("seen", lambda: seen)
    assert workflow.get_update_handler("note") is note
    assert workflow.get_dynamic_update_handler() is None
    workflow.set_dynamic_update_handler(anything)
    assert workflow.get_dynamic_update_handler() is anything
    await workflow.wait_condition(lambda: len(seen) == 4)
    await workflow.wait_condition(workflow.all_handlers_finished)
    workflow.set_update_handler("note", None)
    assert workflow.get_update_handler("note") is None
    return seen


def test_a_function_handles_what_it_sets_handlers_for() -> None:
    story = Story(late)
    story.update("note", "a", update_id="u1")  # with the very first task, before the function has run
    story.task()
    story.signal("poke", "b")
    story.update("other", 1, 2, update_id="u2")
    story.task()
    story.update("note", "", update_id="u3")
    [rejection] = story.task()
    assert rejection.failure is not None  # type: ignore[union-attr]
    story.update("note", "c", update_id="u4")
    story.task()
    assert story.result == ["a", "b", ["other", 2], "c"]
    story.replay()
