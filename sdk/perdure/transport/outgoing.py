"""What is about to leave: rows gathered by shard, and their envelopes, bounded in requests and bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from perdure.transport.unanswered import Row

ENVELOPE_REQUESTS_MAX = 100
"""Requests of one envelope: enough to make the cost of a stream entry vanish, few enough to keep a batch's bound."""

ENVELOPE_BYTES_MAX = 512 * 1024
"""Bytes of one envelope; a single request may be larger (a payload goes up to 2 MB)."""


class Outgoing:
    """Rows that wait for the next pipeline, in order, by shard."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: dict[int, list[Row]] = {}

    def __bool__(self) -> bool:
        return bool(self._rows)

    def append(self, shard_id: int, row: Row) -> None:
        rows = self._rows.get(shard_id)
        if rows is None:
            self._rows[shard_id] = [row]
        else:
            rows.append(row)

    def take(self) -> dict[int, list[Row]]:
        """All of it; what is appended from now on belongs to the next pipeline."""
        rows, self._rows = self._rows, {}
        return rows


def envelopes(rows: Sequence[Row], encode: Callable[[Sequence[Row]], bytes]) -> list[bytes]:
    """The rows in order, as few envelopes as the bounds allow."""
    done: list[bytes] = []
    for start in range(0, len(rows), ENVELOPE_REQUESTS_MAX):
        _split(rows[start : start + ENVELOPE_REQUESTS_MAX], encode, done)
    return done


def _split(rows: Sequence[Row], encode: Callable[[Sequence[Row]], bytes], done: list[bytes]) -> None:
    """Halve what came out too large. Large requests are rare, so that encoding them twice costs nothing overall."""
    data = encode(rows)
    if len(data) <= ENVELOPE_BYTES_MAX or len(rows) == 1:
        done.append(data)
        return
    middle = len(rows) // 2
    _split(rows[:middle], encode, done)
    _split(rows[middle:], encode, done)
