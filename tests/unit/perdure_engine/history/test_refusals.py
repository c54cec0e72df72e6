"""Refusals that are kept: the latest ones, and not too many."""

from __future__ import annotations

import pytest

from perdure.protocol.replies import ErrorCode, ErrorReply
from perdure_engine.history import refusals as refusals_module
from perdure_engine.history.refusals import Refusals

REFUSAL = ErrorReply(ErrorCode.NOT_FOUND, "no such workflow")


def test_a_refusal_is_found_by_its_request() -> None:
    refusals = Refusals()
    refusals.note("client", 1, REFUSAL)
    assert refusals.find("client", 1) == REFUSAL
    assert refusals.find("client", 2) is None
    assert refusals.find("another", 1) is None


def test_the_oldest_ones_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals_module, "LATEST_MAX", 2)
    refusals = Refusals()
    for number in range(5):
        refusals.note("client", number, REFUSAL)
    assert len(refusals) == 2
    assert [number for number in range(5) if refusals.find("client", number)] == [3, 4]
