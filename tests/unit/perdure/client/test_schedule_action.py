"""The workflow that a schedule starts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perdure.client import ScheduleActionStartWorkflow
from perdure.client.schedule import action_of_wire
from perdure.common import (
    Payload,
    Priority,
    RetryPolicy,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
)
from perdure.exceptions import PayloadSizeError
from perdure.protocol.payload import unpack_payload_map
from perdure.protocol.schedule import ScheduleAction
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import CONVERTER, Greet, Rows

CUSTOMER = SearchAttributeKey.for_keyword("Customer")


def nothing(number: int, request: object) -> Rows:
    return ()


def action() -> ScheduleActionStartWorkflow:
    return ScheduleActionStartWorkflow(
        Greet.run,
        "ada",
        id="greet",
        task_queue="q",
        execution_timeout=timedelta(hours=1),
        run_timeout=timedelta(minutes=1),
        task_timeout=timedelta(seconds=5),
        retry_policy=RetryPolicy(maximum_attempts=3),
        memo={"why": 1},
        typed_search_attributes=TypedSearchAttributes([SearchAttributePair(CUSTOMER, "a")]),
        static_summary="summary",
        static_details="details",
        priority=Priority(priority_key=1),
    )


async def test_what_travels_and_comes_back() -> None:
    async with client_of(nothing) as (client, _):
        sent = action().to_wire(client._connection)
        start = sent.workflow
        assert start is not None
        assert (start.workflow_type, start.workflow_id, start.task_queue) == ("Greeting", "greet", "q")
        assert CONVERTER.from_bytes(start.input) == ["ada"]
        assert (start.run_timeout_ms, start.task_timeout_ms, start.priority) == (60_000, 5_000, 1)
        back = action_of_wire(sent)
        assert isinstance(back, ScheduleActionStartWorkflow)
        assert [type(value) for value in back.args] == [Payload]
        assert back.typed_search_attributes == action().typed_search_attributes
        assert (back.run_timeout, back.priority) == (timedelta(minutes=1), Priority(priority_key=1))
        assert back.retry_policy is not None
        assert back.retry_policy.maximum_attempts == 3
        assert back.to_wire(client._connection) == sent
        assert unpack_payload_map(start.memo)["why"] == (back.memo or {})["why"]


async def test_what_cannot_be_is_refused() -> None:
    for options in ({"id": "", "task_queue": "q"}, {"id": "x", "task_queue": ""}):
        with pytest.raises(ValueError, match="required"):
            ScheduleActionStartWorkflow("W", **options)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        ScheduleActionStartWorkflow(print, id="x", task_queue="q")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="a later version"):
        action_of_wire(ScheduleAction())
    async with client_of(nothing) as (client, _):
        large = ScheduleActionStartWorkflow("W", "x" * 3_000_000, id="x", task_queue="q")
        with pytest.raises(PayloadSizeError, match="the arguments of workflow 'W'"):
            large.to_wire(client._connection)


def test_actions_are_compared_by_what_they_are() -> None:
    assert action() == action()
    other = action()
    other.task_queue = "another"
    assert action() != other
    assert repr(action()) == "ScheduleActionStartWorkflow('Greeting', id='greet', task_queue='q')"
