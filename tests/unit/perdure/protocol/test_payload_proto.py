"""The form that codecs put inside of what they encode is Temporal's own."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, strategies as st

from perdure.protocol.codec import DecodeError
from perdure.protocol.payload import Payload
from perdure.protocol.payload_proto import from_proto, to_proto

WRITTEN_BY_TEMPORAL = bytes.fromhex("0a160a08656e636f64696e67120a6a736f6e2f706c61696e1203227822")
"""`Payload(metadata={"encoding": b"json/plain"}, data=b'"x"').SerializeToString()` of `temporalio` 1.35."""


def test_the_bytes_are_temporals() -> None:
    payload = Payload({"encoding": b"json/plain"}, b'"x"')
    assert payload.SerializeToString() == WRITTEN_BY_TEMPORAL
    assert Payload.FromString(WRITTEN_BY_TEMPORAL) == payload


@given(st.dictionaries(st.text(), st.binary(max_size=300)), st.binary(max_size=20_000))
def test_payloads_come_back(metadata: dict[str, bytes], data: bytes) -> None:
    assert from_proto(to_proto(metadata, data)) == (metadata, data)


def test_fields_of_later_versions_are_left_out() -> None:
    later = bytes((3 << 3 | 2, 1, 7, 4 << 3, 200, 1, 5 << 3 | 1, *range(8), 6 << 3 | 5, *range(4)))
    assert from_proto(WRITTEN_BY_TEMPORAL + later) == ({"encoding": b"json/plain"}, b'"x"')


@pytest.mark.parametrize(
    ("encoded", "words"),
    [
        (b"\x0a\x05ab", "ends in the middle of a field"),
        (b"\x12", "a number in it does not end"),
        (b"\xff" * 12, "a number in it does not end"),
        (b"\x0b", "unknown type 3"),
        (bytes((10, 4, 10, 2, 0xFF, 0xFE)), "must map text to bytes"),
    ],
)
def test_what_is_no_payload_is_refused(encoded: bytes, words: str) -> None:
    with pytest.raises(DecodeError, match=words):
        from_proto(encoded)


@given(st.binary(max_size=100))
def test_anything_is_read_or_refused(encoded: bytes) -> None:
    with contextlib.suppress(DecodeError):
        from_proto(encoded)
