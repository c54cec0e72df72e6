"""The values inside events: out as Temporal's JSON, and in again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from perdure.client.history_values import CODECS, enum_codec
from perdure.protocol.failure import Failure, RetryState
from perdure.protocol.retry import RetryPolicyData
from tests.unit.perdure.client.every_event import DATA, FAILURES, FIELDS, RETRY


@pytest.mark.parametrize(
    ("codec", "value", "written"),
    [
        ("*_ms", 1500, "1.500s"),
        ("*_ms", 60_000, "60s"),
        ("*_ms", 100, "0.100s"),
        ("*_event_id", 7, "7"),
        ("attempt", 7, 7),
        ("workflow_type", "T", {"name": "T"}),
        ("retry_state", 3, "RETRY_STATE_TIMEOUT"),
        ("timeout_type", 4, "TIMEOUT_TYPE_HEARTBEAT"),
        ("priority", 1, {"priorityKey": 1}),
    ],
)
def test_what_is_written_and_read_again(codec: str, value: Any, written: Any) -> None:
    assert CODECS[codec].to_json(value) == written
    assert CODECS[codec].from_json(written) == value


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure.info).__name__)
def test_failures_survive_with_their_causes(failure: Failure) -> None:
    codec = CODECS["failure"]
    assert codec.from_json(json.loads(json.dumps(codec.to_json(failure)))) == failure


def test_a_failure_without_a_kind_is_an_application_failure() -> None:
    assert CODECS["failure"].from_json({"message": "m"}) == Failure("m")


def test_payloads_memos_and_policies_survive() -> None:
    for name, value in (("input", DATA), ("memo", FIELDS), ("retry_policy", RETRY)):
        codec = CODECS[name]
        assert codec.from_json(json.loads(json.dumps(codec.to_json(value)))) == value
    assert CODECS["retry_policy"].from_json({}) == RetryPolicyData()


def test_words_behind_a_prefix() -> None:
    words = enum_codec("CAUSE_")
    assert words.to_json("TIRED") == "CAUSE_TIRED"
    assert words.from_json("CAUSE_TIRED") == "TIRED"
    numbers = enum_codec("RETRY_STATE_", RetryState)
    assert numbers.from_json("TIMEOUT") == RetryState.TIMEOUT, "the prefix may be missing"
