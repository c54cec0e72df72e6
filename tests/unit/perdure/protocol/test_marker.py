"""The details of a marker: lists of values by name."""

from __future__ import annotations

import pytest

from perdure.protocol.codec import DecodeError, pack
from perdure.protocol.marker import pack_details, unpack_details
from perdure.protocol.payload import Payload


def test_details_survive() -> None:
    details = {"patch-data": [Payload({"encoding": b"json/plain"}, b"1"), Payload({}, b"")], "nothing": []}
    assert unpack_details(pack_details(details)) == details


def test_no_details_cost_no_bytes() -> None:
    assert pack_details({}) == b""
    assert unpack_details(b"") == {}


@pytest.mark.parametrize("value", [1, ["a"], {"a": 1}, {b"a": b""}])
def test_what_is_no_map_of_lists_is_refused(value: object) -> None:
    with pytest.raises(DecodeError, match="must map text to lists of payloads"):
        unpack_details(pack(value))
