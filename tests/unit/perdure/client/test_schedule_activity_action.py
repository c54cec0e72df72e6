"""The activity that a schedule starts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perdure import activity
from perdure.client import ScheduleActionStartActivity
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
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import CONVERTER, Rows

CUSTOMER = SearchAttributeKey.for_keyword("Customer")
MINUTE = timedelta(minutes=1)


@activity.defn
async def send(to: str) -> None: ...


def nothing(number: int, request: object) -> Rows:
    return ()


def action() -> ScheduleActionStartActivity:
    return ScheduleActionStartActivity(
        send,
        "ada",
        id="mail",
        task_queue="q",
        start_to_close_timeout=MINUTE,
        heartbeat_timeout=timedelta(seconds=5),
        retry_policy=RetryPolicy(maximum_attempts=3),
        typed_search_attributes=TypedSearchAttributes([SearchAttributePair(CUSTOMER, "a")]),
        summary="summary",
        priority=Priority(priority_key=1, fairness_key="tenant"),
    )


async def test_what_travels_and_comes_back() -> None:
    async with client_of(nothing) as (client, _):
        sent = action().to_wire(client._connection)
        start = sent.activity
        assert start is not None
        assert sent.workflow is None
        assert (start.activity_type, start.activity_id, start.task_queue, start.request_id) == ("send", "mail", "q", "")
        assert CONVERTER.from_bytes(start.input) == ["ada"]
        assert (start.options.start_to_close_timeout_ms, start.options.priority) == (60_000, 1)
        back = action_of_wire(sent)
        assert isinstance(back, ScheduleActionStartActivity)
        assert [type(value) for value in back.args] == [Payload]
        assert (back.start_to_close_timeout, back.priority.fairness_key) == (MINUTE, "tenant")
        assert back.typed_search_attributes == action().typed_search_attributes
        assert back.to_wire(client._connection) == sent._replace(
            activity=start._replace(identity=client._connection.transport.identity)
        )


async def test_what_cannot_be_is_refused() -> None:
    for options in ({"id": "", "task_queue": "q"}, {"id": "x", "task_queue": ""}):
        with pytest.raises(ValueError, match="required"):
            ScheduleActionStartActivity("A", **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="start_to_close_timeout"):
        ScheduleActionStartActivity("A", id="x", task_queue="q")
    with pytest.raises(TypeError, match="is not an activity"):
        ScheduleActionStartActivity(print, id="x", task_queue="q", start_to_close_timeout=MINUTE)
    async with client_of(nothing) as (client, _):
        large = ScheduleActionStartActivity("A", "x" * 3_000_000, id="x", task_queue="q", start_to_close_timeout=MINUTE)
        with pytest.raises(PayloadSizeError, match="the arguments of activity 'A'"):
            large.to_wire(client._connection)


def test_actions_are_compared_by_what_they_are() -> None:
    assert action() == action()
    other = action()
    other.task_queue = "another"
    assert action() != other
    assert repr(action()) == "ScheduleActionStartActivity('send', id='mail', task_queue='q')"
