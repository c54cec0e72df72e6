"""Fairness on the wire."""

from __future__ import annotations

import pytest

from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.fairness import Fairness, decode_fairness, fairness_problem


def test_round_trip() -> None:
    fairness = Fairness("acme", 500, 7)
    assert decode_fairness(unpack(pack(fairness))) == fairness
    assert decode_fairness(None) is None
    with pytest.raises(DecodeError):
        decode_fairness((7,))


def test_problems() -> None:
    assert fairness_problem(None) is None
    assert fairness_problem(Fairness("")) is None
    assert "cost" in (fairness_problem(Fairness("a", 1000, 0)) or "")
    assert "weight" in (fairness_problem(Fairness("a", 0)) or "")
    assert "256 characters" in (fairness_problem(Fairness("k" * 256)) or "")
