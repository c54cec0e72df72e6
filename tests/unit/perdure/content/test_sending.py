"""Parcels: a reference in place of data, and only what is new travels, in bounded parts."""

from __future__ import annotations

import random

from perdure.content.sending import (
    CUT_ABOVE_BYTES,
    CUT_ABOVE_BYTES_GROWN,
    GROWN_RUN_BYTES,
    SEND_BYTES_MAX,
    Parcel,
    cut_above,
)
from perdure.protocol.content import PIECE_BYTES_MAX, assemble, decode_reference, is_reference, unpack_piece
from tests.unit.perdure.content.test_cutting import conversation, words


def read_back(reference: bytes, *parcels: Parcel) -> bytes:
    packed = {name: data for parcel in parcels for block in parcel.blocks() for name, data in block.pieces}
    decoded = decode_reference(reference)
    return assemble(decoded, {name: unpack_piece(name, packed[name]) for name in decoded.hashes})


def test_data_is_referred_to() -> None:
    data = conversation(20)
    parcel = Parcel()
    reference = parcel.refer(data)
    assert is_reference(reference)
    assert len(reference) < len(data) / 100
    assert read_back(reference, parcel) == data
    assert parcel.refer(reference) == reference, "once is enough"


def test_what_is_small_stands_in_the_reference() -> None:
    parcel = Parcel()
    reference = parcel.refer(b"small")
    assert decode_reference(reference).parts == (b"small",)
    assert parcel.blocks() == []


def test_what_comes_twice_travels_once() -> None:
    parcel = Parcel()
    data = conversation(10)
    once = parcel.refer(data), parcel.new_bytes
    assert (parcel.refer(data), parcel.new_bytes) == once


def test_only_what_the_run_does_not_have_travels() -> None:
    first = Parcel()
    first.refer(conversation(20))
    second = Parcel(first.content)
    reference = second.refer(conversation(21))
    [block] = second.blocks()
    assert [unpack_piece(*piece) for piece in block.pieces] == [
        b',{"role":"user","content":"%s"}' % words(1_000, 20).encode()
    ]
    assert sorted(block.needed()) == sorted(first.content)
    assert read_back(reference, first, second) == conversation(21)
    [again] = Parcel(second.content).blocks() or [None]
    assert again is None


def test_what_is_all_known_is_needed_all_the_same() -> None:
    first = Parcel()
    first.refer(conversation(20))
    second = Parcel(first.content)
    second.refer(conversation(20))
    [block] = second.blocks()
    assert (block.pieces, sorted(block.needed())) == ((), sorted(first.content))


def test_much_travels_in_parts() -> None:
    """What went ahead is needed by what comes last."""
    data = random.Random(1).randbytes(3 * SEND_BYTES_MAX)
    parcel = Parcel()
    reference = parcel.refer(data)
    *ahead, beside = parcel.blocks()
    assert len(ahead) >= 3
    for block in (*ahead, beside):
        assert sum(len(piece) for _, piece in block.pieces) <= SEND_BYTES_MAX + PIECE_BYTES_MAX
    assert beside.needed() == [name for block in ahead for name, _ in block.pieces]
    assert read_back(reference, parcel) == data
    assert len(parcel.block().pieces) == len(parcel.content)


def test_a_run_that_has_grown_cuts_smaller_values() -> None:
    assert cut_above(0) == CUT_ABOVE_BYTES == 128 * 1024
    assert cut_above(GROWN_RUN_BYTES) == CUT_ABOVE_BYTES_GROWN < CUT_ABOVE_BYTES
