"""What is kept of starts that are to run once."""

from __future__ import annotations

import pytest

from perdure.protocol.activity_executions import Deduplicate
from perdure.protocol.codec import DecodeError, pack
from perdure_engine.core.standalone.deduplicated import SENDERS_MAX, Deduplicated
from tests.unit.perdure_engine.core.standalone.executions import request


def test_it_is_kept_as_it_is() -> None:
    known = Deduplicated(5, {"one": 1, "other": 2}, request(deduplication=Deduplicate(4, 0, 7)))
    assert Deduplicated.decode(known.encode()) == known
    assert Deduplicated.decode(Deduplicated(0).encode()) == Deduplicated(0)


@pytest.mark.parametrize("wrong", [1, (1, 2), (1, ((1,),), None), (1, (), "no start")])
def test_what_cannot_be_read(wrong: object) -> None:
    with pytest.raises(DecodeError):
        Deduplicated.decode(pack(wrong))


def test_those_who_were_silent_longest_are_forgotten() -> None:
    known = Deduplicated(0)
    for number in range(SENDERS_MAX):
        known.note(f"sender {number}", 1)
    known.note("sender 0", 2)
    known.note("another", 1)
    assert len(known.orders) == SENDERS_MAX
    assert known.orders["sender 0"] == 2
    assert "sender 1" not in known.orders
