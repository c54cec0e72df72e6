"""The shortcut gives the bytes that the long way gives."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from perdure.converter.single_json import unwrap_json, wrap_json
from perdure.protocol.payload import Payload, pack_payloads, unpack_payloads

JSON = {"encoding": b"json/plain"}


@pytest.mark.parametrize("length", [0, 1, 255, 256, 65_535, 65_536, 100_000])
def test_each_size_is_made_and_read(length: int) -> None:
    data = b"x" * length
    wire = pack_payloads([Payload(JSON, data)])
    assert wrap_json(data) == wire
    assert unwrap_json(wire) == data


@given(st.binary())
def test_any_bytes_are_made_and_read(data: bytes) -> None:
    assert unpack_payloads(wrap_json(data)) == [Payload(JSON, data)]
    assert unwrap_json(wrap_json(data)) == data


@pytest.mark.parametrize(
    "other",
    [
        b"",
        pack_payloads([Payload({"encoding": b"binary/plain"}, b"x")]),
        pack_payloads([Payload(JSON, b"1"), Payload(JSON, b"2")]),
        pack_payloads([Payload(JSON | {"more": b"x"}, b"1")]),
        wrap_json(b"cut")[:-1],
        wrap_json(b"long") + b"er",
        wrap_json(b"")[:-2] + b"\xa1x",
    ],
)
def test_anything_else_takes_the_long_way(other: bytes) -> None:
    assert unwrap_json(other) is None


@given(st.binary())
def test_no_bytes_break_it(data: bytes) -> None:
    wire = wrap_json(b"")[:-2] + data
    found = unwrap_json(wire)
    assert found is None or wrap_json(found) == wire or len(found) < 65_536
