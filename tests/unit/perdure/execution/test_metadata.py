"""What every workflow says of itself: its handlers, those set late included, and its current details."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from perdure import workflow
from perdure.common import RawValue
from perdure.execution.handler_registry import STACK_TRACE_QUERY
from perdure.execution.metadata import METADATA_QUERIES
from perdure.workflow import ReadOnlyContextError
from tests.workflow_story import Story


@workflow.defn
class Order:
    @workflow.run
    async def run(self) -> str:
        workflow.set_current_details("waits for **payment**")
        workflow.set_signal_handler("late", lambda: None)
        await workflow.wait_condition(lambda: False)
        return workflow.get_current_details()

    @workflow.signal(description="money came in")
    def paid(self) -> None: ...

    @workflow.query(dynamic=True)
    def anything(self, name: str, values: Sequence[RawValue]) -> str:
        return f"asked for {name}"

    @workflow.query
    def careless(self) -> None:
        workflow.set_current_details("asked")

    @workflow.update
    def amend(self) -> None: ...


def ask(story: Story, name: str) -> Any:
    return story.converter.value_from_bytes(story.instance.query(name, b""))


@pytest.mark.parametrize("name", METADATA_QUERIES)
def test_it_names_the_handlers_and_the_details(name: str) -> None:
    story = Story(Order)
    story.task()
    assert ask(story, name) == {
        "definition": {
            "type": "Order",
            "queryDefinitions": [{"name": "", "description": ""}, {"name": "careless", "description": ""}],
            "signalDefinitions": [
                {"name": "late", "description": ""},
                {"name": "paid", "description": "money came in"},
            ],
            "updateDefinitions": [{"name": "amend", "description": ""}],
        },
        "currentDetails": "waits for **payment**",
    }


def test_a_dynamic_handler_does_not_hide_it() -> None:
    story = Story(Order)
    story.task()
    assert ask(story, "mood") == "asked for mood"
    assert "wait_condition" in ask(story, STACK_TRACE_QUERY)


def test_details_are_not_set_by_a_query() -> None:
    story = Story(Order)
    story.task()
    with pytest.raises(ReadOnlyContextError):
        ask(story, "careless")
