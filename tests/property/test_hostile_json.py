"""JSON that people and other programs hand in: it is read, or refused with an error that says where it is wrong."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import timedelta
from typing import Any

import click
import pytest
from hypothesis import example, given, settings, strategies as st

from perdure import workflow
from perdure.cli.json_input import duration, key_and_json, parse_json
from perdure.client import WorkflowHistory
from perdure.converter import DataConverter
from perdure.converter.single_json import wrap_json
from perdure.exceptions import WorkflowTaskError
from perdure.protocol.payload import Payload, pack_payloads
from perdure.worker import Replayer
from perdure_engine.listing.fields import Fields
from perdure_engine.listing.parser import parse_list
from tests.property.hostile_values import nested
from tests.unit.perdure.client.every_event import HISTORY
from tests.workflow_story import Story

SECONDS_MAX = 2.0

QUERY_WORDS = [
    "WorkflowId",
    "StartTime",
    "=",
    ">=",
    "'x'",
    "'2026-01-01T00:00:00Z'",
    "AND",
    "(",
    "NOT",
    "\0",
    "9" * 5_000,
]

EVERY_EVENT = WorkflowHistory("w", HISTORY).to_json_dict()

DEEP_JSON = "[" * 100_000 + "]" * 100_000
ODD_JSON = [
    DEEP_JSON,
    '{"a":' * 100_000,
    "1" * 5_000,
    "1e99999",
    '"\\ud800"',
    '{"a": 1, "a": 2}',
    "\0",
    "@/\0",
    "@.",
    "NaN",
    "-",
    "",
]


@workflow.defn(name="Order")
class Order:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity("charge", start_to_close_timeout=timedelta(seconds=5))
        await workflow.sleep(60)

    @workflow.signal
    def poke(self, value: int) -> None: ...


def _recorded() -> dict[str, Any]:
    story = Story(Order)
    story.task()
    story.complete_activity("1")
    story.signal("poke", 1)
    story.task()
    return WorkflowHistory("wf", story.events).to_json_dict()


RECORDED = _recorded()

odd_values: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([2**63, -1, 0, 10**400, float("inf"), float("nan"), 1e308]),
    st.sampled_from(["", "\0", "\ud800", "9" * 5_000, "infs", "1e400s", "-5s", "9999-12-31T23:59:59.9Z", "x" * 50_000]),
    st.text(max_size=10),
    st.sampled_from([[], {}, [[]], {"name": {}}]),
    st.just(950).map(nested),
)


@st.composite
def spoiled(draw: st.DrawFn, whole: Any) -> Any:
    """A JSON value with something odd at one place, or without it."""
    if not isinstance(whole, dict | list) or not whole or draw(st.integers(0, 8)) == 0:
        return draw(odd_values)
    items: Any = dict(whole) if isinstance(whole, dict) else list(whole)
    place = draw(st.sampled_from(sorted(items) if isinstance(items, dict) else range(len(items))))
    if draw(st.integers(0, 6)) == 0:
        del items[place]
    else:
        items[place] = draw(spoiled(items[place]))
    return items


HALVES = [
    {**EVERY_EVENT, "events": EVERY_EVENT["events"][: len(EVERY_EVENT["events"]) // 2]},
    {**EVERY_EVENT, "events": EVERY_EVENT["events"][len(EVERY_EVENT["events"]) // 2 :]},
]
"""Each short enough to be shown by Hypothesis, which warns of what is not."""


@given(history=st.sampled_from(HALVES).flatmap(spoiled))
@example(history={"events": [{**EVERY_EVENT["events"][0], "workflowExecutionStartedEventAttributes": [1]}]})
@settings(max_examples=300, deadline=None)
def test_a_spoiled_history_is_read_or_refused(history: Any) -> None:
    with contextlib.suppress(ValueError):
        WorkflowHistory.from_json("w", history).to_json()


@pytest.mark.parametrize("text", [f'{{"events": {odd}}}' for odd in ODD_JSON])
def test_text_that_is_no_history_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        WorkflowHistory.from_json("w", text)


@given(history=spoiled(RECORDED))
@settings(max_examples=150, deadline=None)
async def test_a_spoiled_history_replays_or_says_what_is_wrong(history: Any) -> None:
    replayer = Replayer(workflows=[Order])
    began = time.perf_counter()
    try:
        whole = WorkflowHistory.from_json("wf", history)
    except ValueError:
        return
    result = await replayer.replay_workflow(whole, raise_on_replay_failure=False)
    assert result.replay_failure is None or isinstance(result.replay_failure, WorkflowTaskError | ValueError), repr(
        result.replay_failure
    )
    assert time.perf_counter() - began < SECONDS_MAX


@pytest.mark.parametrize("text", ODD_JSON)
def test_input_of_the_command_line(text: str) -> None:
    with contextlib.suppress(click.UsageError):
        json.dumps(parse_json(text, "--input"))
    with contextlib.suppress(click.UsageError):
        key_and_json(f"memo={text}")


@given(text=st.text(max_size=30) | st.text("0123456789.smhd ", max_size=400))
@example(text="9" * 400)
@example(text="9" * 30 + "d")
@settings(deadline=None)
def test_durations(text: str) -> None:
    with contextlib.suppress(click.BadParameter):
        assert timedelta() <= duration(text) <= timedelta(days=36_600)


def test_no_digit_of_an_input_is_lost() -> None:
    assert parse_json(f"[{2**70}]", "--input") == [2**70]


@given(
    query=st.text(max_size=40)
    | st.lists(
        st.sampled_from(
            [
                "WorkflowId",
                "StartTime",
                "=",
                ">=",
                "'x'",
                "'2026-01-01T00:00:00Z'",
                "AND",
                "(",
                "NOT",
                "\0",
                "9" * 5_000,
            ]
        )
    ).map(" ".join)
)
@example(query="(" * 100_000)
@settings(deadline=None)
def test_list_filters(query: str) -> None:
    with contextlib.suppress(ValueError):
        parse_list(query, "default", Fields({}), 0)


@pytest.mark.parametrize("hint", [None, int, list, dict[str, int], timedelta, bytes])
@given(data=st.sampled_from([text.encode(errors="replace") for text in ODD_JSON]) | st.binary(max_size=40))
@settings(max_examples=60, deadline=None)
def test_payloads_become_values_or_are_refused(hint: Any, data: bytes) -> None:
    """`TypeError` and `ValueError` are what a worker makes a failure of."""
    for packed in (wrap_json(data), pack_payloads([Payload({"encoding": data[:10]}, data)]), data):
        with contextlib.suppress(TypeError, ValueError):
            DataConverter.default.value_from_bytes(packed, hint)


@pytest.mark.parametrize("levels", [150, 201, 254])
def test_what_can_be_written_can_be_read(levels: int) -> None:
    """However deep: a value that is accepted by a client and refused by every worker would be in the way for ever."""
    value = nested(levels)
    data = DataConverter.default.value_to_bytes(value)
    for hint in (None, list, list[Any]):
        assert DataConverter.default.value_from_bytes(data, hint) == value


def test_what_is_too_deep_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match="cannot be made JSON"):
        DataConverter.default.value_to_bytes(nested(300))
