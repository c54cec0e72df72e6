"""Messages: arguments as they travel."""

from __future__ import annotations

from datetime import datetime

from perdure.compat.celery.message import ENVELOPE, Message, pack, unpack


def test_a_plain_call_has_no_envelope() -> None:
    assert pack((1, "a"), {}, {"eta": None}) == [1, "a"]
    assert unpack([1, "a"]) == Message([1, "a"], {}, {})
    assert unpack([]) == Message([], {}, {})


def test_the_envelope_is_the_last_argument() -> None:
    packed = pack((1,), {"at": datetime(2026, 1, 1)}, {"root_id": "r", "headers": {"a": 1}})
    assert packed[:-1] == [1]
    assert set(packed[-1]) == {ENVELOPE}
    assert unpack(packed) == Message([1], {"at": datetime(2026, 1, 1)}, {"root_id": "r", "headers": {"a": 1}})
    assert unpack(["before", *packed]).args == ["before", 1]


def test_a_mapping_that_is_an_argument_stays_one() -> None:
    assert unpack([{"a": 1}]).args == [{"a": 1}]
    assert unpack([{ENVELOPE: {}, "a": 1}]).kwargs == {}
