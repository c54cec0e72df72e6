"""Cutting: what two values have in common is cut into the same pieces, whatever they are."""

from __future__ import annotations

import json
import random

import pytest

from perdure.content.cutting import PIECE_BYTES_MIN, PIECE_BYTES_USUAL_MAX, cut
from perdure.converter import DataConverter


def words(count: int, seed: int) -> str:
    rng = random.Random(seed)
    return " ".join("".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(count))


def conversation(messages: int, words_each: int = 1_000) -> bytes:
    values = [{"role": "user", "content": words(words_each, number)} for number in range(messages)]
    return DataConverter.default.value_to_bytes(values)


def new_bytes(before: bytes, after: bytes) -> int:
    known = set(cut(before))
    return sum(len(piece) for piece in cut(after) if piece not in known)


SAMPLES = {
    "nothing": b"",
    "little": b"x",
    "one letter": b"a" * 200_000,
    "text": words(30_000, 1).encode(),
    "random": random.Random(2).randbytes(200_000),
    "brackets": b"[" * 100_000,
    "conversation": conversation(20),
}


@pytest.mark.parametrize("data", SAMPLES.values(), ids=SAMPLES.keys())
def test_pieces_are_the_data_and_bounded(data: bytes) -> None:
    pieces = cut(data)
    assert b"".join(pieces) == data
    assert all(pieces)
    assert all(len(piece) <= PIECE_BYTES_USUAL_MAX for piece in pieces)
    assert sum(len(piece) < PIECE_BYTES_MIN for piece in pieces) <= 3, "a head, a tail, and what is before it"


@pytest.mark.parametrize("words_each", [20, 300, 1_000, 6_000])
def test_a_conversation_that_grows_keeps_its_pieces(words_each: int) -> None:
    before, after = conversation(50, words_each), conversation(51, words_each)
    assert new_bytes(before, after) < (len(after) - len(before)) + 2 * PIECE_BYTES_MIN


def test_elements_that_are_large_enough_stand_alone() -> None:
    """None of the old ones is kept twice."""
    before, after = conversation(50), conversation(51)
    assert new_bytes(before, after) <= (len(after) - len(before)) + 64


def test_one_in_front_changes_little() -> None:
    old = [{"role": "user", "content": words(400, number)} for number in range(50)]
    new = [{"role": "system", "content": words(777, 99)}, *old]
    before, after = (DataConverter.default.value_to_bytes(value) for value in (old, new))
    assert new_bytes(before, after) < 40_000


@pytest.mark.parametrize("kind", ["text", "random"])
def test_an_insertion_changes_little(kind: str) -> None:
    data = SAMPLES[kind]
    assert new_bytes(data, data[:1_000] + b"inserted" + data[1_000:]) < len(data) / 3


def test_spaces_after_separators_make_no_difference() -> None:
    values = [{"role": "user", "content": words(1_000, number)} for number in range(20)]
    before, after = (json.dumps(some).encode() for some in (values[:19], values))
    assert new_bytes(before, after) <= (len(after) - len(before)) + 64
