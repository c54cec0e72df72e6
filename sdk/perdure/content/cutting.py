"""Where data is cut, so that what two values have in common is cut into the same pieces.

Role: bytes to pieces, whose concatenation they are; nothing is parsed. Beyond the smallest piece, a cut comes behind
what ends an element of a JSON list; where no such end is near, the content itself says where (a few bytes in a row that
are rare in any content). So a conversation that grows by an element keeps its pieces, and text in which something was
inserted has them again behind the insertion.

Rules:
- What is cut may be anything; a cut in a wrong place costs space, never meaning. These numbers may change: pieces of
  before are then simply not found again.
"""

from __future__ import annotations

import re
from hashlib import blake2b

PIECE_BYTES_MIN = 4 * 1024
"""A row costs about 150 bytes beside its data, and a reference 16 a piece."""

PIECE_BYTES_USUAL_MAX = 32 * 1024
"""Where nothing says that a cut fits."""

ELEMENT_BYTES_MAX = 16 * 1024
"""An element that ends within this stays whole."""

LITERAL_BYTES_MAX = 256
"""What is shorter stands in the reference itself."""

_HEAD_BYTES = 64
"""The wire form of one JSON value has its length in its first bytes, before the value."""


def _rare(position: int) -> bytes:
    """A class of an eighth of all bytes, one for each of four positions in a row: a match once in about 4,000 bytes.

    The first two numbers are chosen so that this holds for English, Russian and Chinese text, Python code, base64,
    hexadecimal digits and random bytes alike (measured: one in 1,500 to 6,800)."""
    members = (byte for byte in range(256) if blake2b(bytes((2, 110, position, byte)), digest_size=1).digest()[0] < 32)
    return b"[" + b"".join(b"\\x%02x" % byte for byte in members) + b"]"


_END_OF_ELEMENT = re.compile(rb'[}\]"](?=\s?(?:,\s?[{\["]|\]))')
_RARE = re.compile(b"".join(_rare(position) for position in range(4)))


def cut(data: bytes) -> list[bytes]:
    """The pieces of data, in order (measured: 3 to 12 ms a megabyte)."""
    end = len(data)
    head = data.find(b"[", 0, _HEAD_BYTES) + 1
    pieces = [data[:head]] if head else []
    start = head
    while end - start > PIECE_BYTES_MIN:
        least, limit = start + PIECE_BYTES_MIN, min(end, start + PIECE_BYTES_USUAL_MAX)
        found = _END_OF_ELEMENT.search(data, least, start + ELEMENT_BYTES_MAX) or _RARE.search(data, least, limit)
        after = found.end() if found is not None else limit
        pieces.append(data[start:after])
        start = after
    if start < end:
        pieces.append(data[start:])
    return pieces
