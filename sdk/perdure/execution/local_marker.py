"""What came of a local activity, and the marker that keeps it in the history, named and filled as Temporal's."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from perdure.exceptions import WorkflowTaskError
from perdure.protocol.codec import DecodeError
from perdure.protocol.commands import Command, RecordMarker
from perdure.protocol.events import EventType, HistoryEvent, MarkerRecorded
from perdure.protocol.failure import Failure, RetryState
from perdure.protocol.marker import pack_details, unpack_details
from perdure.protocol.payload import Payload, pack_payloads, unpack_payloads

LOCAL_ACTIVITY_MARKER = "core_local_activity"

_MARKER = int(EventType.MARKER_RECORDED)


class LocalOutcome(NamedTuple):
    """What came of one local activity. `number` counts those of the run from 1.

    `failure` None: it completed with `result`. `backoff_ms`: it failed, and is to be tried again after so long, which
    is too long for a worker to wait.
    """

    number: int
    activity_id: str
    activity_type: str
    attempt: int
    result: bytes = b""
    failure: Failure | None = None
    retry_state: int = RetryState.IN_PROGRESS
    backoff_ms: int = 0


def marker_of(outcome: LocalOutcome) -> RecordMarker:
    """The command that keeps an outcome."""
    data = {
        "seq": outcome.number,
        "activity_id": outcome.activity_id,
        "activity_type": outcome.activity_type,
        "attempt": outcome.attempt,
        "retry_state": int(outcome.retry_state),
        "backoff": {"seconds": outcome.backoff_ms // 1000, "nanos": outcome.backoff_ms % 1000 * 1_000_000},
    }
    details = {"data": [Payload({"encoding": b"json/plain"}, json.dumps(data).encode())]}
    if outcome.failure is None:
        details["result"] = unpack_payloads(outcome.result)
    return RecordMarker(LOCAL_ACTIVITY_MARKER, pack_details(details), failure=outcome.failure)


def is_local_marker(marker: MarkerRecorded | RecordMarker) -> bool:
    return marker.marker_name == LOCAL_ACTIVITY_MARKER


def outcome_of(marker: MarkerRecorded | RecordMarker) -> LocalOutcome:
    """The outcome that a marker keeps.

    Raises:
        WorkflowTaskError: it holds something else.
    """
    try:
        details = unpack_details(marker.details)
        data = json.loads(details["data"][0].data)
        backoff = data.get("backoff") or {}
        return LocalOutcome(
            int(data["seq"]),
            str(data["activity_id"]),
            str(data["activity_type"]),
            int(data["attempt"]),
            pack_payloads(details.get("result", [])),
            marker.failure,
            int(data.get("retry_state", RetryState.IN_PROGRESS)),
            int(backoff.get("seconds", 0)) * 1000 + int(backoff.get("nanos", 0)) // 1_000_000,
        )
    except (AttributeError, DecodeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise WorkflowTaskError(
            f"a marker {LOCAL_ACTIVITY_MARKER!r} of the history has no details of a local activity ({error!r}): was it "
            "written by a codec that this worker does not have?"
        ) from error


def describe_local_marker(marker: MarkerRecorded | RecordMarker) -> str:
    """It in an error, without payloads."""
    outcome = outcome_of(marker)
    return f"local activity {outcome.activity_type!r}, id {outcome.activity_id!r}"


class LocalMarker:
    """The command that keeps an outcome. See `commands.Issued`."""

    __slots__ = ("_outcome", "command", "line")

    def __init__(self, outcome: LocalOutcome, line: str) -> None:
        self._outcome = outcome
        self.command: Command | None = marker_of(outcome)
        self.line = line

    def matches(self, event: HistoryEvent) -> bool:
        marker: Any = event.attributes
        if event.event_type != _MARKER or not is_local_marker(marker):
            return False
        found = outcome_of(marker)
        return found[:3] == self._outcome[:3]

    def scheduled(self, event_id: int) -> bool:
        return False
