"""Summaries and details of events, as payloads."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from perdure.client.history_notes import notes_from_json, notes_to_json
from perdure.protocol.events import TimerFired, TimerStarted


def test_a_text_becomes_a_payload_and_comes_back() -> None:
    row = notes_to_json(TimerStarted("t", 1, 4, "steep the t\u00e9"))
    assert row["summary"]["metadata"] == {"encoding": base64.b64encode(b"json/plain").decode()}
    assert notes_from_json(row, TimerStarted._fields) == {"summary": "steep the t\u00e9"}


def test_without_a_text_there_is_nothing() -> None:
    assert notes_to_json(TimerStarted("t", 1, 4)) == {}
    assert notes_to_json(TimerFired("t", 1)) == {}
    assert notes_from_json({}, TimerStarted._fields) == {}


@pytest.mark.parametrize("data", ["", base64.b64encode(b"\xff").decode(), base64.b64encode(b"1").decode()])
def test_what_is_no_text_or_has_no_place_is_left_out(data: str) -> None:
    row: dict[str, Any] = {"summary": {"data": data}}
    assert notes_from_json(row, TimerStarted._fields) == {}
    row = notes_to_json(TimerStarted("t", 1, 4, "steep"))
    assert notes_from_json(row, TimerFired._fields) == {}
