"""Pieces of content in the memory of a process, bounded in bytes, the least recently used going first.

Rule: by run and hash. What one run has is never found by naming it from another.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

_ENTRY_BYTES = 300
"""What an entry costs beside its piece."""


class ContentCache:
    __slots__ = ("_bytes", "_bytes_max", "_pieces")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._pieces: OrderedDict[tuple[str, bytes], bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pieces)

    def get(self, run_id: str, name: bytes) -> bytes | None:
        key = (run_id, name)
        piece = self._pieces.get(key)
        if piece is not None:
            self._pieces.move_to_end(key)
        return piece

    def put(self, run_id: str, content: Mapping[bytes, bytes]) -> None:
        pieces = self._pieces
        for name, piece in content.items():
            key = (run_id, name)
            if key in pieces:
                pieces.move_to_end(key)
            else:
                pieces[key] = piece
                self._bytes += len(piece) + _ENTRY_BYTES
        while self._bytes > self._bytes_max:
            _, gone = pieces.popitem(last=False)
            self._bytes -= len(gone) + _ENTRY_BYTES
