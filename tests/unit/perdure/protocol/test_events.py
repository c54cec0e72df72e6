"""Records of a run keep their types on the way through storage."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.codec import CODEC_VERSION, DecodeError, pack
from perdure.protocol.events import (
    EVENTS,
    EventBuffered,
    EventType,
    HistoryEvent,
    TimerFired,
    TimerStarted,
    decode_events,
    decode_records,
    encode_records,
)

FIRED = HistoryEvent(7, 5, EventType.TIMER_FIRED, TimerFired("nap", 5))


def test_every_type_has_a_class() -> None:
    assert set(EVENTS.kind_of.values()) == {int(kind) for kind in EventType}


def test_a_buffered_event_holds_its_message() -> None:
    record = HistoryEvent(0, 5, EventType.EVENT_BUFFERED, EventBuffered(EventType.TIMER_FIRED, TimerFired("nap", 5)))
    [decoded] = decode_records(encode_records([record]))
    assert decoded == record
    assert type(decoded.attributes.attributes) is TimerFired


def test_events_of_an_older_version_get_defaults() -> None:
    [event] = decode_events([(5, 1, 17, ("nap", 1000, 4))])
    assert event.attributes == TimerStarted("nap", 1000, 4, "")


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        (1, "history must be an array of a version and records"),
        ((CODEC_VERSION, 1), "history must be an array of a version and records"),
        ((99, ()), "history has codec version 99, this version reads 1; upgrade first"),
        ((CODEC_VERSION, (1,)), "a history event must be an array of event id, time, type and attributes"),
        ((CODEC_VERSION, ((1, 2, 18),)), "a history event must be an array of event id, time, type and attributes"),
        ((CODEC_VERSION, (("1", 2, 18, ()),)), "a history event must be an array"),
        ((CODEC_VERSION, ({},)), "a history event must be an array"),
        ((CODEC_VERSION, ((1, 2, 4711, ()),)), "unknown history event number 4711"),
        ((CODEC_VERSION, ((1, 2, 18, ("nap",)),)), "TimerFired: 1 fields, at least 2 are required"),
        ((CODEC_VERSION, ((0, 2, 1004, (18, ("nap",))),)), "TimerFired: 1 fields, at least 2 are required"),
    ],
)
def test_what_is_no_history_is_refused(value: Any, wrong: str) -> None:
    with pytest.raises(DecodeError, match=wrong):
        decode_records(pack(value))


def test_records_are_written_as_they_are() -> None:
    assert decode_records(encode_records([FIRED, FIRED])) == [FIRED, FIRED]
    assert decode_records(encode_records([])) == []
