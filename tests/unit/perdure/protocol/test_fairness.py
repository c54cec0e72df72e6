"""Fairness on the wire."""

from __future__ import annotations

import pytest

from perdure.protocol.codec import DecodeError, pack, struct_decoder, unpack
from perdure.protocol.fairness import Fairness, fairness_problem


def test_round_trip() -> None:
    decode_fairness = struct_decoder(Fairness)
    fairness = Fairness("acme", 500, 7)
    assert decode_fairness(unpack(pack(fairness))) == fairness
    with pytest.raises(DecodeError):
        decode_fairness((7,))


def test_problems() -> None:
    assert fairness_problem(None) is None
    assert fairness_problem(Fairness("")) is None
    assert "cost" in (fairness_problem(Fairness("a", 1000, 0)) or "")
    assert "weight" in (fairness_problem(Fairness("a", 0)) or "")
    assert "256 characters" in (fairness_problem(Fairness("k" * 256)) or "")
