"""Values on their way to a run: the large ones are cut, and only what the run does not have travels.

Role: a `Parcel` gathers what one request refers to. `refer` takes the wire form of values and returns the reference
that is sent in its place; `blocks` are what must travel, of which the last one belongs beside the request itself.

Rules:
- What is known of a run comes from its history, or from what this process has sent and was not refused: then the run
  has it. An engine that knows better refuses, and everything is sent.
- Data that is already a reference stays as it is.
"""

from __future__ import annotations

from collections.abc import Container

from perdure.content.cutting import LITERAL_BYTES_MAX, cut
from perdure.protocol.content import (
    ContentBlock,
    Reference,
    encode_reference,
    hash_of,
    is_reference,
    join_hashes,
    kept_size,
    pack_piece,
)

CUT_ABOVE_BYTES = 128 * 1024
"""Values larger than this are cut."""

GROWN_RUN_BYTES = 256 * 1024
"""From this size of its history on, a run has values that come again; smaller ones are cut too."""

CUT_ABOVE_BYTES_GROWN = 8 * 1024

SEND_BYTES_MAX = 512 * 1024
"""About what travels beside one request."""


def cut_above(history_size_bytes: int) -> int:
    """The size above which a value of a run is cut."""
    return CUT_ABOVE_BYTES if history_size_bytes < GROWN_RUN_BYTES else CUT_ABOVE_BYTES_GROWN


class Parcel:
    """See the module's docstring.

    Args:
        known: hashes of what the run has.

    Attributes:
        content: the pieces that were cut, by hash, known or not.
    """

    def __init__(self, known: Container[bytes] = ()) -> None:
        self.content: dict[bytes, bytes] = {}
        self._known = known
        self._packed: dict[bytes, bytes] = {}
        self._references: dict[bytes, bytes] = {}

    def refer(self, data: bytes) -> bytes:
        """What is sent in place of the wire form of values. The same values, for many children, are cut once."""
        if is_reference(data):
            return data
        reference = self._references.get(data)
        if reference is None:
            reference = self._references[data] = self._cut(data)
        return reference

    def _cut(self, data: bytes) -> bytes:
        parts: list[bytes | tuple[bytes, ...]] = []
        names: list[bytes] = []
        literal = b""
        for piece in cut(data):
            if len(piece) <= LITERAL_BYTES_MAX:
                literal += piece
                continue
            if literal:
                _close(parts, names)
                parts.append(literal)
                literal = b""
            names.append(self._add(piece))
        _close(parts, names)
        if literal:
            parts.append(literal)
        return encode_reference(Reference(len(data), tuple(parts)))

    def _add(self, piece: bytes) -> bytes:
        name = hash_of(piece)
        if name not in self.content:
            self.content[name] = piece
            if name not in self._known:
                self._packed[name] = pack_piece(piece)
        return name

    @property
    def new_bytes(self) -> int:
        """What is to travel."""
        return sum(map(kept_size, self._packed.values()))

    def block(self) -> ContentBlock:
        """All of it at once, for a run of which nothing is known."""
        return ContentBlock(tuple(self._packed.items()))

    def blocks(self) -> list[ContentBlock]:
        """What is to travel, in bounded parts, the last one beside the request; empty if nothing was referred to."""
        if not self.content:
            return []
        groups: list[dict[bytes, bytes]] = [{}]
        size = 0
        for name, data in self._packed.items():
            if size and size + len(data) > SEND_BYTES_MAX:
                groups.append({})
                size = 0
            groups[-1][name] = data
            size += kept_size(data)
        last = groups.pop()
        needs = join_hashes(name for name in self.content if name not in last)
        return [*(ContentBlock(tuple(group.items())) for group in groups), ContentBlock(tuple(last.items()), needs)]


def _close(parts: list[bytes | tuple[bytes, ...]], names: list[bytes]) -> None:
    if names:
        parts.append(tuple(names))
        names.clear()
