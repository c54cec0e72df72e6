"""References and pieces of content: told apart from data, checked, and bounded."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from perdure.protocol.codec import DecodeError, pack
from perdure.protocol.content import (
    BLOCK_BYTES_MAX,
    CONTENT_BYTES_MAX,
    MARK,
    PIECE_BYTES_MAX,
    ContentBlock,
    Reference,
    assemble,
    decode_block,
    decode_reference,
    encode_reference,
    hash_of,
    hashes_of,
    is_reference,
    join_hashes,
    kept_size,
    pack_piece,
    split_hashes,
    unpack_piece,
)
from perdure.protocol.payload import Payload, pack_payloads

WORDS = b"a word and another one, " * 100
A, B = hash_of(b"a"), hash_of(b"b")


def test_a_reference_is_told_from_data() -> None:
    reference = Reference(7, (b"(", (A, B), b")", (A,)))
    wire = encode_reference(reference)
    assert is_reference(wire)
    assert decode_reference(wire) == reference
    assert hashes_of(wire) == reference.hashes == [A, B, A]
    for data in (b"", pack_payloads([Payload({"encoding": b"json/plain"}, b"1")]), pack(None), pack(b"x" * 300)):
        assert not is_reference(data)
        assert hashes_of(data) == []


def test_pieces_are_put_together() -> None:
    reference = Reference(4, (b"(", (A, B), b")"))
    assert assemble(reference, {A: b"a", B: b"b"}) == b"(ab)"
    with pytest.raises(DecodeError, match="missing"):
        assemble(reference, {A: b"a"})
    with pytest.raises(DecodeError, match="pieces of more"):
        assemble(reference._replace(size=3), {A: b"a", B: b"b"})
    with pytest.raises(DecodeError, match="pieces of 4"):
        assemble(reference._replace(size=5), {A: b"a", B: b"b"})


def test_a_reference_cannot_stand_for_more_than_it_says() -> None:
    """The same piece a million times: it stops at the size, before memory is filled."""
    with pytest.raises(DecodeError, match="pieces of more"):
        assemble(Reference(10, ((A,) * 1_000_000,)), {A: b"a" * 8})


@pytest.mark.parametrize(
    "data",
    [
        MARK[:4],
        b"\xc1something later",
        MARK,
        MARK + pack(7),
        MARK + pack((7,)),
        MARK + pack((-1, ())),
        MARK + pack((CONTENT_BYTES_MAX + 1, ())),
        MARK + pack((1, ("text",))),
        MARK + pack((1, ((b"short",),))),
        MARK + pack((1, ((A, B),))),
    ],
)
def test_other_references_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_reference(data)


@pytest.mark.parametrize("piece", [b"", b"x", WORDS, bytes(range(256)) * 8, b"a" * PIECE_BYTES_MAX])
def test_a_piece_survives(piece: bytes) -> None:
    packed = pack_piece(piece)
    assert len(packed) <= len(piece) + 1
    assert unpack_piece(hash_of(piece), packed) == piece


def test_what_compresses_is_compressed() -> None:
    assert len(pack_piece(WORDS)) < len(WORDS) / 10


def test_a_piece_is_what_its_hash_names() -> None:
    with pytest.raises(DecodeError, match="hash"):
        unpack_piece(A, pack_piece(b"b"))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "unknown form"),
        (b"\7x", "unknown form"),
        (b"\0" + b"x" * (PIECE_BYTES_MAX + 1), "too large"),
        (b"\1no zlib", "decompressed"),
        (b"\1" + zlib.compress(WORDS)[:-8], "cut short"),
        (b"\1" + zlib.compress(bytes(200 * 1024 * 1024), 1), "larger than"),
    ],
)
def test_a_damaged_piece_is_refused(data: bytes, why: str) -> None:
    """The last one would fill 200 MB."""
    with pytest.raises(DecodeError, match=why):
        unpack_piece(A, data)


def test_a_block_survives() -> None:
    block = ContentBlock(((A, pack_piece(b"a")), (B, pack_piece(b"b"))), join_hashes([B, A]))
    assert decode_block(tuple(block)) == block
    assert block.needed() == split_hashes(block.needs) == [B, A]
    assert [kept_size(data) for _, data in block.pieces] == [16 + 2, 16 + 2]


@pytest.mark.parametrize(
    "row",
    [
        None,
        (),
        ((),),
        ((), "text"),
        ((), b"short"),
        ((A,), b""),
        (((A, "text"),), b""),
        (((b"short", b"x"),), b""),
        (((A, b""),), b""),
        (((A, bytes(PIECE_BYTES_MAX + 2)),), b""),
        (((A, bytes(PIECE_BYTES_MAX)),) * (BLOCK_BYTES_MAX // PIECE_BYTES_MAX + 1), b""),
    ],
)
def test_another_block_is_refused(row: Any) -> None:
    with pytest.raises(DecodeError):
        decode_block(row)
