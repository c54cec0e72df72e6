"""One stream with its consumer group, in memory: ids, cursors, delivery, pending entries.

Role: what XADD, XREAD, XREADGROUP, XPENDING, XACK and XDEL do, and no more. It knows no time: callers pass `now_ms`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from perdure_broker.port import PendingEntry

EntryId = tuple[int, int]
"""Milliseconds of the server's clock and a sequence number, as in the text form `ms-seq`."""

ZERO: EntryId = (0, 0)


def id_bytes(entry_id: EntryId) -> bytes:
    return b"%d-%d" % entry_id


def parse_id(text: bytes) -> EntryId:
    """The inverse of `id_bytes`; a missing sequence number is 0."""
    milliseconds, _, sequence = text.partition(b"-")
    return int(milliseconds), int(sequence or 0)


@dataclass(slots=True)
class Delivery:
    """Who holds an entry, since when (renewed by leases), and how often it was delivered."""

    consumer: str
    since_ms: int
    count: int


class Stream:
    """Entries in order of id, and the state of the one group.

    Attributes:
        pending: delivered entries that have not been acked.
        consumers: consumer to the time of its last read.
    """

    def __init__(self) -> None:
        self.pending: dict[EntryId, Delivery] = {}
        self.consumers: dict[str, int] = {}
        self._ids: list[EntryId] = []
        self._data: dict[EntryId, bytes] = {}
        self._last_id = ZERO
        self._last_delivered = ZERO

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def undelivered(self) -> int:
        return len(self._ids) - len(self.pending)

    @property
    def last_id(self) -> bytes:
        return id_bytes(self._last_id)

    def add(self, data: bytes, now_ms: int) -> bytes:
        """Append an entry; ids rise although the clock may not."""
        milliseconds, sequence = self._last_id
        self._last_id = (now_ms, 0) if now_ms > milliseconds else (milliseconds, sequence + 1)
        self._ids.append(self._last_id)
        self._data[self._last_id] = data
        return id_bytes(self._last_id)

    def after(self, cursor: bytes, count: int) -> list[tuple[bytes, bytes]]:
        """At most `count` entries `(id, data)` after the cursor."""
        start = bisect_right(self._ids, parse_id(cursor))
        return [(id_bytes(entry_id), self._data[entry_id]) for entry_id in self._ids[start : start + count]]

    def take(self, consumer: str, count: int, now_ms: int) -> list[tuple[bytes, bytes]]:
        """Deliver at most `count` entries that nobody has had."""
        self.consumers[consumer] = now_ms
        start = bisect_right(self._ids, self._last_delivered)
        taken = self._ids[start : start + count]
        for entry_id in taken:
            self.pending[entry_id] = Delivery(consumer, now_ms, 1)
        if taken:
            self._last_delivered = taken[-1]
        return [(id_bytes(entry_id), self._data[entry_id]) for entry_id in taken]

    def ack(self, entry_ids: Iterable[bytes]) -> int:
        """Take entries off the pending list; returns how many were on it."""
        return sum(self.pending.pop(parse_id(text), None) is not None for text in entry_ids)

    def delete(self, entry_ids: Iterable[bytes]) -> None:
        for text in entry_ids:
            entry_id = parse_id(text)
            if self._data.pop(entry_id, None) is not None:
                del self._ids[bisect_left(self._ids, entry_id)]

    def delete_before(self, cursor: bytes) -> None:
        """Delete the entries with ids lower than the cursor."""
        end = bisect_left(self._ids, parse_id(cursor))
        for entry_id in self._ids[:end]:
            del self._data[entry_id]
        del self._ids[:end]

    def trim(self, length_max: int) -> None:
        """Delete the oldest entries beyond `length_max`."""
        if len(self._ids) > length_max:
            self.delete_before(id_bytes(self._ids[-length_max]))

    def get(self, entry_id: bytes) -> bytes | None:
        return self._data.get(parse_id(entry_id))

    def all_data(self) -> list[bytes]:
        return [self._data[entry_id] for entry_id in self._ids]

    def idle(self, idle_ms: int, start: bytes, count: int, now_ms: int) -> list[PendingEntry]:
        """Pending entries idle for at least `idle_ms`, from id `start` on (`b"-"`: all), in order of id."""
        first = ZERO if start == b"-" else parse_id(start)
        found = []
        for entry_id in sorted(self.pending):
            held = self.pending[entry_id]
            if entry_id >= first and now_ms - held.since_ms >= idle_ms:
                found.append(PendingEntry(id_bytes(entry_id), held.consumer, now_ms - held.since_ms, held.count))
                if len(found) == count:
                    break
        return found

    def renew(self, consumer: str, entry_id: bytes, now_ms: int) -> bool:
        """Reset the idle time of an entry that this consumer holds. Safe from another thread."""
        parsed = parse_id(entry_id)
        held = self.pending.get(parsed)
        if held is None or held.consumer != consumer or parsed not in self._data:
            return False
        held.since_ms = now_ms
        return True

    def is_pending(self, entry_id: bytes) -> bool:
        return parse_id(entry_id) in self.pending

    def holds_nothing(self, consumer: str) -> bool:
        return all(held.consumer != consumer for held in self.pending.values())
