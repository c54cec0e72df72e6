"""User data is opaque here, but for the list that it comes in."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.codec import DecodeError, pack
from perdure.protocol.payload import Payload, pack_payload_map, pack_payloads, unpack_payload_map, unpack_payloads


def test_payloads_survive() -> None:
    payloads = [Payload({"encoding": b"json/plain"}, b"1"), Payload({}, b"")]
    assert unpack_payloads(pack_payloads(payloads)) == payloads


def test_no_values_cost_no_bytes() -> None:
    assert pack_payloads([]) == b""
    assert unpack_payloads(b"") == []


def test_a_newer_version_may_add_to_a_payload() -> None:
    assert unpack_payloads(pack([[{}, b"x", "new"]])) == [Payload({}, b"x")]


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        (1, "payloads must be an array"),
        ([1], "a payload must be an array of metadata and bytes"),
        ([[{}]], "a payload must be an array of metadata and bytes"),
        ([[{}, "text"]], "a payload must be an array of metadata and bytes"),
        ([[{"encoding": "json"}, b""]], "the metadata of a payload must map text to bytes"),
        ([[{b"encoding": b"json"}, b""]], "the metadata of a payload must map text to bytes"),
    ],
)
def test_what_is_no_list_of_payloads_is_refused(value: Any, wrong: str) -> None:
    with pytest.raises(DecodeError, match=wrong):
        unpack_payloads(pack(value))


def test_payloads_by_name_survive() -> None:
    named = {"user": Payload({"encoding": b"json/plain"}, b"1")}
    assert unpack_payload_map(pack_payload_map(named)) == named
    assert pack_payload_map({}) == b""
    assert unpack_payload_map(b"") == {}


@pytest.mark.parametrize(
    ("value", "wrong"),
    [([1], "payloads by name must be a map"), ({"a": [1]}, "a payload must be an array of metadata and bytes")],
)
def test_what_is_no_map_of_payloads_is_refused(value: Any, wrong: str) -> None:
    with pytest.raises(DecodeError, match=wrong):
        unpack_payload_map(pack(value))
