"""Content that a run keeps once: pieces under their hashes, and references to them in place of data.

Role: the wire forms. A *reference* stands where the wire form of values would (`payload.py`): it begins with a byte
that begins no msgpack value, so that one look tells them apart. A *content block* travels beside a request: the pieces
that its sender believes to be new, and the hashes of those that it believes to be there.

Rules:
- A piece is named by the hash of its content before it was compressed; who reads one compares the two.
- Nothing here trusts a length: a piece, and what a reference stands for, are bounded before they are made.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

from perdure.protocol.codec import DecodeError, pack, unpack

HASH_BYTES = 16
"""Of BLAKE2b. A run's own data alone is behind a hash, so that a collision could be made only by who owns both."""

PIECE_BYTES_MAX = 64 * 1024
"""Bytes of a piece before compression: far below a row's 512 KiB, so that a change within large data costs little."""

CONTENT_BYTES_MAX = 64 * 1024 * 1024
"""Bytes that one reference may stand for, whatever its reader allows."""

BLOCK_BYTES_MAX = 2 * 1024 * 1024
"""Bytes of the new pieces that travel with one request."""

MARK = b"\xc1content1"
"""How a reference begins. 0xc1 is the one byte that msgpack never uses."""

_FIRST = MARK[:1]
_PLAIN, _DEFLATED = b"\0", b"\1"
_SMALLER = 0.9
"""Compression counts if it saves a tenth."""


class Reference(NamedTuple):
    """`size` bytes: the concatenation of `parts`, each either bytes themselves, or the hashes of pieces in a row."""

    size: int
    parts: tuple[bytes | tuple[bytes, ...], ...]

    @property
    def hashes(self) -> list[bytes]:
        """Of all pieces, in order; one may come twice."""
        return [name for part in self.parts if type(part) is tuple for name in part]


class ContentBlock(NamedTuple):
    """`pieces` are pairs of hash and packed piece. `needs` are the hashes, one after another, of what the run must have
    already for the request to make sense."""

    pieces: tuple[tuple[bytes, bytes], ...]
    needs: bytes = b""

    def needed(self) -> list[bytes]:
        return split_hashes(self.needs)


def hash_of(piece: bytes) -> bytes:
    return blake2b(piece, digest_size=HASH_BYTES).digest()


def pack_piece(piece: bytes) -> bytes:
    """A piece as it travels and is kept: compressed if that helps."""
    deflated = zlib.compress(piece)
    return _DEFLATED + deflated if len(deflated) < _SMALLER * len(piece) else _PLAIN + piece


def unpack_piece(name: bytes, data: bytes) -> bytes:
    """The content of a packed piece.

    Raises:
        DecodeError: it is not the content of this name, or too large.
    """
    kind, body = data[:1], data[1:]
    if kind == _DEFLATED:
        reader = zlib.decompressobj()
        try:
            body = reader.decompress(body, PIECE_BYTES_MAX)
        except zlib.error as error:
            raise DecodeError(f"a piece of content cannot be decompressed: {error}") from error
        if not reader.eof:
            raise DecodeError(f"a piece of content is larger than {PIECE_BYTES_MAX} bytes, or cut short")
    elif kind != _PLAIN or len(body) > PIECE_BYTES_MAX:
        raise DecodeError("a piece of content is of an unknown form, or too large")
    if hash_of(body) != name:
        raise DecodeError(f"a piece of content is not what its hash {name.hex()} names")
    return body


def is_reference(data: bytes) -> bool:
    """Whether this stands for data, in place of it."""
    return data[:1] == _FIRST


def encode_reference(reference: Reference) -> bytes:
    parts = [part if isinstance(part, bytes) else (join_hashes(part),) for part in reference.parts]
    return MARK + pack((reference.size, parts))


def decode_reference(data: bytes) -> Reference:
    """The inverse of `encode_reference`.

    Raises:
        DecodeError: malformed, or for more than can be.
    """
    if not data.startswith(MARK):
        raise DecodeError("a reference to content is of a form that this version does not know; upgrade it")
    whole = unpack(data[len(MARK) :])
    if type(whole) is not tuple or len(whole) < 2 or type(whole[0]) is not int or type(whole[1]) is not tuple:
        raise DecodeError("a reference to content must be an array of size and parts")
    size, rows = whole[:2]
    if not 0 <= size <= CONTENT_BYTES_MAX:
        raise DecodeError(f"a reference to {size} bytes of content; at most {CONTENT_BYTES_MAX} are possible")
    return Reference(size, tuple(_part(row) for row in rows))


def _part(row: Any) -> bytes | tuple[bytes, ...]:
    if type(row) is bytes:
        return row
    if type(row) is tuple and len(row) == 1 and type(row[0]) is bytes and len(row[0]) % HASH_BYTES == 0:
        return tuple(split_hashes(row[0]))
    raise DecodeError("a part of a reference must be bytes, or hashes")


def split_hashes(names: bytes) -> list[bytes]:
    """The inverse of `join_hashes`."""
    return [names[start : start + HASH_BYTES] for start in range(0, len(names), HASH_BYTES)]


def hashes_of(data: bytes) -> list[bytes]:
    """The hashes that data refers to; none if it is no reference.

    Raises:
        DecodeError: it looks like one and is malformed.
    """
    return decode_reference(data).hashes if is_reference(data) else []


def assemble(reference: Reference, pieces: Mapping[bytes, bytes]) -> bytes:
    """What a reference stands for, from the content of its pieces.

    Raises:
        DecodeError: a piece is missing, or they do not add up.
    """
    found: list[bytes] = []
    size = 0
    for part in reference.parts:
        for piece in (part,) if isinstance(part, bytes) else map(pieces.get, part):
            if piece is None:
                raise DecodeError("a piece of content is missing: the run does not have what a value refers to")
            size += len(piece)
            if size > reference.size:
                raise DecodeError(f"a reference to {reference.size} bytes of content has pieces of more")
            found.append(piece)
    if size != reference.size:
        raise DecodeError(f"a reference to {reference.size} bytes of content has pieces of {size}")
    return b"".join(found)


def decode_block(row: Any) -> ContentBlock:
    """A block from plain data.

    Raises:
        DecodeError: malformed, or too large.
    """
    if type(row) is not tuple or len(row) < 2 or type(row[0]) is not tuple or type(row[1]) is not bytes:
        raise DecodeError("content must be an array of pieces and needed hashes")
    pieces, needs = row[:2]
    size = 0
    for piece in pieces:
        if type(piece) is not tuple or len(piece) != 2 or type(piece[0]) is not bytes or type(piece[1]) is not bytes:
            raise DecodeError("a piece of content must be a pair of hash and data")
        if len(piece[0]) != HASH_BYTES or not 0 < len(piece[1]) <= PIECE_BYTES_MAX + 1:
            raise DecodeError(
                f"a piece of content has a hash of {HASH_BYTES} bytes and at most {PIECE_BYTES_MAX} bytes"
            )
        size += len(piece[1])
    if size > BLOCK_BYTES_MAX:
        raise DecodeError(f"new content of {size} bytes beside one request; the limit is {BLOCK_BYTES_MAX}")
    if len(needs) % HASH_BYTES:
        raise DecodeError(f"the needed hashes of content must be {HASH_BYTES} bytes each")
    return ContentBlock(pieces, needs)


def join_hashes(names: Iterable[bytes]) -> bytes:
    """Hashes one after another, as `ContentBlock.needs` holds them."""
    return b"".join(names)


def kept_size(data: bytes) -> int:
    """Bytes that a packed piece takes where it is kept."""
    return HASH_BYTES + len(data)
