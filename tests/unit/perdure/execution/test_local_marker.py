"""Markers of local activities."""

from __future__ import annotations

import pytest

from perdure.converter import DataConverter
from perdure.exceptions import WorkflowTaskError
from perdure.execution.local_marker import (
    LOCAL_ACTIVITY_MARKER,
    LocalMarker,
    LocalOutcome,
    describe_local_marker,
    marker_of,
    outcome_of,
)
from perdure.protocol.events import EventType, HistoryEvent, MarkerRecorded
from perdure.protocol.failure import ApplicationInfo, Failure, RetryState
from perdure.protocol.marker import pack_details
from perdure.protocol.payload import Payload

DONE = LocalOutcome(3, "charge", "Charge", 2, DataConverter.default.value_to_bytes({"cents": 5}))
FAILED = LocalOutcome(
    4, "4", "Charge", 7, b"", Failure.of("no", ApplicationInfo("Odd")), RetryState.MAXIMUM_ATTEMPTS_REACHED
)
LATER = FAILED._replace(retry_state=RetryState.IN_PROGRESS, backoff_ms=61_500)


def event(outcome: LocalOutcome, **changes: object) -> HistoryEvent:
    command = marker_of(outcome)
    attributes = MarkerRecorded(command.marker_name, command.details, 4, command.headers, command.failure)
    return HistoryEvent(5, 0, EventType.MARKER_RECORDED, attributes)


@pytest.mark.parametrize("outcome", [DONE, FAILED, LATER])
def test_an_outcome_comes_back_from_its_marker(outcome: LocalOutcome) -> None:
    found = outcome_of(marker_of(outcome))
    assert found == outcome._replace(result=found.result)
    assert outcome.failure is not None or found.result == outcome.result


def test_a_marker_of_temporal_is_read() -> None:
    data = (
        b'{"seq":1,"activity_id":"1","activity_type":"greet","attempt":1,"complete_time":{"seconds":5,"nanos":0},'
        b'"backoff":null,"original_schedule_time":{"seconds":4,"nanos":0}}'
    )
    details = pack_details({"data": [Payload({"encoding": b"json/plain"}, data)]})
    found = outcome_of(MarkerRecorded(LOCAL_ACTIVITY_MARKER, details, 4))
    assert (found.number, found.activity_id, found.activity_type, found.backoff_ms) == (1, "1", "greet", 0)


@pytest.mark.parametrize("data", [None, b"", b"[]", b'{"seq": "x"}', b'{"seq": 1}'])
def test_what_is_no_such_marker_is_named(data: bytes | None) -> None:
    details = b"" if data is None else pack_details({"data": [Payload({}, data)]})
    with pytest.raises(WorkflowTaskError, match="has no details of a local activity"):
        outcome_of(MarkerRecorded(LOCAL_ACTIVITY_MARKER, details, 4))


def test_a_command_is_matched_by_what_it_says_of_the_activity() -> None:
    command = LocalMarker(DONE, "here")
    assert command.matches(event(DONE))
    assert command.matches(event(DONE._replace(attempt=9)))
    for other in (DONE._replace(number=4), DONE._replace(activity_id="x"), DONE._replace(activity_type="Refund")):
        assert not command.matches(event(other))
    patch = HistoryEvent(5, 0, EventType.MARKER_RECORDED, MarkerRecorded("core_patch", b"", 4))
    assert not command.matches(patch)
    assert not command.scheduled(5)
    assert describe_local_marker(marker_of(DONE)) == "local activity 'Charge', id 'charge'"
