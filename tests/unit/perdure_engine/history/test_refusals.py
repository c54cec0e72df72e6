"""Refusals that are kept: the latest ones, and not too many."""

from __future__ import annotations

import pytest

from perdure.protocol.replies import ErrorCode, ErrorReply
from perdure_engine.history import refusals as refusals_module
from perdure_engine.history.batch import Batch
from perdure_engine.history.refusals import Refusals
from perdure_engine.history.windows import Windows
from tests.engine_stage import POST, ROUTING

REFUSAL = ErrorReply(ErrorCode.NOT_FOUND, "no such workflow")


def new_batch() -> Batch:
    return Batch(1_000, 0.0, Windows(), POST, ROUTING)


def test_a_refusal_is_found_by_its_request() -> None:
    refusals = Refusals()
    refusals.note("client", 1, REFUSAL)
    assert refusals.find(new_batch(), "client", 1) == REFUSAL
    assert refusals.find(new_batch(), "client", 2) is None
    assert refusals.find(new_batch(), "another", 1) is None


def test_a_batch_knows_what_it_refuses_and_everybody_does_when_it_is_durable() -> None:
    refusals, batch = Refusals(), new_batch()
    refusals.refuse(batch, "client", 1, REFUSAL)
    assert refusals.find(batch, "client", 1) == REFUSAL
    assert refusals.find(new_batch(), "client", 1) is None
    for note in batch.noted:
        note()
    assert refusals.find(new_batch(), "client", 1) == REFUSAL


def test_the_oldest_ones_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals_module, "LATEST_MAX", 2)
    refusals = Refusals()
    for number in range(5):
        refusals.note("client", number, REFUSAL)
    assert len(refusals) == 2
    assert [number for number in range(5) if refusals.find(new_batch(), "client", number)] == [3, 4]
