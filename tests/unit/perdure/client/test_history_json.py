"""Histories as Temporal's JSON: every event survives, and what is malformed says where."""

from __future__ import annotations

import json
from typing import Any

import pytest

from perdure.client.history_json import events_from_json, events_to_json, time_from_json, time_to_json
from perdure.protocol.events import EVENTS, ActivityAttemptStarted, EventType, HistoryEvent
from tests.unit.perdure.client.every_event import HISTORY

ANNOTATIONS_FROM = 1000


def test_every_event_survives() -> None:
    assert {int(e.event_type) for e in HISTORY} == {k for k in EVENTS.kind_of.values() if k < ANNOTATIONS_FROM}
    rows = json.loads(json.dumps(events_to_json(HISTORY, "r1")))
    again, run_id = events_from_json({"events": rows})
    assert again == HISTORY
    assert run_id == "r1"


def test_the_shape_is_that_of_protobufs_json() -> None:
    row = events_to_json(HISTORY)[9]
    assert (row["eventId"], row["eventType"]) == ("10", "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED")
    assert row["eventTime"] == "2026-11-20T12:00:00.123466Z"
    attributes = row["activityTaskScheduledEventAttributes"]
    assert attributes["activityType"] == {"name": "brew"}
    assert attributes["taskQueue"] == {"name": "q", "kind": "TASK_QUEUE_KIND_NORMAL"}
    assert attributes["startToCloseTimeout"] == "3.500s"
    assert attributes["workflowTaskCompletedEventId"] == "4"
    assert attributes["priority"] == {"priorityKey": 2}
    assert attributes["retryPolicy"] == {
        "initialInterval": "1.500s",
        "backoffCoefficient": 3.0,
        "maximumInterval": "60s",
        "maximumAttempts": 4,
        "nonRetryableErrorTypes": ["TypeError"],
    }
    failed = events_to_json(HISTORY)[8]["workflowTaskFailedEventAttributes"]
    assert failed["cause"] == "WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR"


def test_annotations_are_left_out() -> None:
    note = HistoryEvent(0, 6, EventType.ACTIVITY_ATTEMPT_STARTED, ActivityAttemptStarted(1, 1, "me", 6))
    assert events_to_json([note]) == []


def test_the_older_spelling_of_types_and_finer_times_are_read() -> None:
    row = {
        "eventId": "1",
        "eventTime": "2026-11-20T12:00:00.123456789Z",
        "eventType": "TimerFired",
        "timerFiredEventAttributes": {"timerId": "t", "startedEventId": "5", "unknownKey": 1},
        "taskId": "1048587",
    }
    (event,), run_id = events_from_json({"events": [row]})
    assert (event.event_type, event.attributes.timer_id, run_id) == (EventType.TIMER_FIRED, "t", "")


STARTED_ROW = {"eventType": "WorkflowExecutionStarted", "eventId": "1", "eventTime": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("history", "problem"),
    [
        ([], "a JSON object with a list"),
        ({"events": []}, "not empty"),
        ({"events": [{"eventId": "1"}]}, "event 1 of the history: 'eventType' is missing"),
        (
            {"events": [{"eventType": "EVENT_TYPE_NEXUS_OPERATION_SCHEDULED"}]},
            "'NEXUS_OPERATION_SCHEDULED' is missing or not known",
        ),
        ({"events": ["text"]}, "event 1 of the history is malformed"),
        (
            {"events": [{"eventId": "0", "eventTime": "2026-01-01T00:00:00Z", "eventType": "TIMER_STARTED"}]},
            "events are numbered from 1, not '0'",
        ),
        (
            {"events": [{**STARTED_ROW, "workflowExecutionStartedEventAttributes": {"workflowRunTimeout": "1e400s"}}]},
            "event 1 of the history is malformed: cannot convert float infinity",
        ),
        ({"events": [{**STARTED_ROW, "workflowExecutionStartedEventAttributes": [1]}]}, "must be an object"),
        (
            {"events": [{"eventType": "TimerFired", "eventId": "1", "eventTime": "yesterday"}]},
            "'yesterday' is no time",
        ),
    ],
)
def test_what_is_malformed_says_where(history: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        events_from_json(history)


@pytest.mark.parametrize("time_us", [0, 1, 1_795_176_000_000_000, 1_795_176_000_123_457])
def test_times_survive(time_us: int) -> None:
    assert time_from_json(time_to_json(time_us)) == time_us


def test_summaries_stand_beside_the_attributes() -> None:
    row = next(row for row in events_to_json(HISTORY) if row["eventType"] == "EVENT_TYPE_TIMER_STARTED")
    assert set(row) == {"eventId", "eventTime", "eventType", "timerStartedEventAttributes", "userMetadata"}
    assert set(row["timerStartedEventAttributes"]) == {"timerId", "startToFireTimeout", "workflowTaskCompletedEventId"}


def test_what_tells_a_workflow_nothing_is_passed_over() -> None:
    rows = events_to_json(HISTORY[:2])
    rows.insert(
        1, {"eventType": "WorkflowExecutionOptionsUpdated", "eventId": "2", "eventTime": "2026-01-01T00:00:00Z"}
    )
    assert events_from_json({"events": rows})[0] == HISTORY[:2]


def test_the_older_spelling_of_values_is_read() -> None:
    row = next(row for row in events_to_json(HISTORY) if row["eventType"] == "EVENT_TYPE_ACTIVITY_TASK_FAILED")
    (expected,), _ = events_from_json({"events": [row]})
    state = row["activityTaskFailedEventAttributes"]["retryState"]
    words = state.removeprefix("RETRY_STATE_").split("_")
    for spelling in ("".join(word.capitalize() for word in words), int(expected.attributes.retry_state)):
        row["activityTaskFailedEventAttributes"]["retryState"] = spelling
        assert events_from_json({"events": [row]})[0] == [expected]
    row["activityTaskFailedEventAttributes"]["retryState"] = "RETRY_STATE_UNSPECIFIED"
    assert events_from_json({"events": [row]})[0][0].attributes.retry_state == 0
