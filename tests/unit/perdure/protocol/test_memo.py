"""Memos on the wire."""

from __future__ import annotations

import pytest

from perdure.protocol.codec import DecodeError, pack
from perdure.protocol.memo import MEMO_SIZE_MAX, memo_problem, merged_memo, pack_memo, unpack_memo
from perdure.protocol.payload import Payload

ONE, TWO = Payload({"encoding": b"json/plain"}, b"1"), Payload({}, b"2")


def test_a_memo_survives() -> None:
    assert unpack_memo(pack_memo({"a": ONE, "b": None})) == {"a": ONE, "b": None}
    assert (pack_memo({}), unpack_memo(b"")) == (b"", {})


def test_an_update_sets_and_takes_away() -> None:
    merged = merged_memo(pack_memo({"a": ONE, "b": ONE}), pack_memo({"a": None, "b": TWO, "c": ONE}))
    assert unpack_memo(merged) == {"b": TWO, "c": ONE}
    assert merged_memo(pack_memo({"a": ONE}), b"") == pack_memo({"a": ONE})
    assert merged_memo(pack_memo({"a": ONE}), pack_memo({"a": None})) == b""


@pytest.mark.parametrize("data", [pack(1), pack({b"a": ONE}), pack({"a": 1}), pack({"a": ({}, "text")})])
def test_what_is_no_memo_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match="memo"):
        unpack_memo(data)


def test_a_memo_is_bounded() -> None:
    assert memo_problem(b"x" * MEMO_SIZE_MAX) is None
    assert "2,097,153 bytes, the limit is 2,097,152" in (memo_problem(b"x" * (MEMO_SIZE_MAX + 1)) or "")
