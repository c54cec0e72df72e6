"""Updates as Temporal's JSON: nested as its messages are, and read back."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.client.history_json import events_from_json, events_to_json
from perdure.client.history_updates import NESTED
from perdure.protocol.events import EventType
from perdure.protocol.updates import (
    WorkflowExecutionUpdateAccepted,
    WorkflowExecutionUpdateAdmitted,
    WorkflowExecutionUpdateCompleted,
)
from tests.unit.perdure.client.every_event import HISTORY


def row_of(kind: EventType, number: int = 0) -> dict[str, Any]:
    rows = events_to_json(HISTORY)
    return [row for row, event in zip(rows, HISTORY, strict=True) if event.event_type == kind][number]


def test_an_accepted_update_names_its_request() -> None:
    row = row_of(EventType.WORKFLOW_EXECUTION_UPDATE_ACCEPTED)
    attributes = row["workflowExecutionUpdateAcceptedEventAttributes"]
    assert attributes["protocolInstanceId"] == "u"
    assert attributes["acceptedRequestSequencingEventId"] == "2"
    assert attributes["acceptedRequest"]["meta"] == {"updateId": "u", "identity": "me"}
    assert attributes["acceptedRequest"]["input"]["name"] == "change"


@pytest.mark.parametrize(("number", "outcome"), [(0, "success"), (1, "failure")])
def test_a_completed_update_has_an_outcome(number: int, outcome: str) -> None:
    row = row_of(EventType.WORKFLOW_EXECUTION_UPDATE_COMPLETED, number)
    assert list(row["workflowExecutionUpdateCompletedEventAttributes"]["outcome"]) == [outcome]


def test_what_protobuf_leaves_out_may_be_missing() -> None:
    accepted = {"acceptedRequest": {"meta": {"updateId": "u"}, "input": {"name": "change"}}}
    read_accepted, read_admitted, read_completed = (NESTED[cls][1] for cls in NESTED)
    admitted = {"request": accepted["acceptedRequest"]}
    assert read_admitted(admitted) == WorkflowExecutionUpdateAdmitted("u", "change", b"", "", b"")
    assert read_accepted(accepted) == WorkflowExecutionUpdateAccepted("u", "", 0, "change", b"", "", b"", 2)
    completed = read_completed({"meta": {"updateId": "u"}})
    assert completed == WorkflowExecutionUpdateCompleted("u", 0, b"", None, 0)


def test_what_is_no_update_is_refused() -> None:
    row = row_of(EventType.WORKFLOW_EXECUTION_UPDATE_ACCEPTED)
    del row["workflowExecutionUpdateAcceptedEventAttributes"]["acceptedRequest"]
    with pytest.raises(ValueError, match="'acceptedRequest' is missing"):
        events_from_json({"events": [row]})
