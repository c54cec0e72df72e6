"""Histories in pages: where a page begins, how much it holds, and the token that names the next one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.events import HistoryEvent, decode_records, encode_records
from perdure.protocol.ids import is_run_id
from perdure.protocol.replies import HistoryPage
from perdure_store.port import HistoryRow, Store

PAGE_BYTES_MAX = 1_000_000
"""About the size of one page of history."""

EVENTS_A_PAGE = 20_000
"""Events from memory on one page, if they fit: each page costs a worker a round trip (an event of a fan-out takes about
50 bytes)."""

_ROWS_A_READ = 200

STRANGE_TOKEN = "this page token was not made by a page of this history; begin again without one"


class Place(NamedTuple):
    """Where a page begins: after this row of the history, and after this event. `run_id`: whose history the first page
    was of, since a workflow id may name another run by the next page."""

    batch_no: int = 0
    event_id: int = 0
    run_id: str = ""


def place_of(token: bytes) -> Place | None:
    """The place that a page token names, the first one without; None if it is not one of ours."""
    if not token:
        return Place()
    try:
        fields = unpack(token)
    except DecodeError:
        return None
    if type(fields) is tuple and 1 <= len(fields) <= 3:
        place = Place(*fields)
        numbers = (place.batch_no, place.event_id)
        is_whole = all(type(number) is int and number >= 0 for number in numbers)
        if is_whole and type(place.run_id) is str and (not place.run_id or is_run_id(place.run_id)):
            return place
    return None


async def read_page(
    store: Store, shard_id: int, run_id: str, after: Place, size: int, last_batch_no: int | None = None
) -> HistoryPage:
    """A page from the store, of no row after `last_batch_no`."""
    rows = await store.read_history(shard_id, run_id, after_batch_no=after.batch_no, limit=_ROWS_A_READ)
    wanted = [row for row in rows if last_batch_no is None or row.batch_no <= last_batch_no]
    taken, more = _take(wanted, size)
    more = more or len(wanted) == _ROWS_A_READ
    token = _token(after._replace(batch_no=taken[-1].batch_no)) if taken and more else b""
    if after.event_id:
        return HistoryPage(tuple(_events_after(row, after.event_id) for row in taken), token, run_id)
    return HistoryPage(tuple(row.data for row in taken), token, run_id)


def _take(rows: Sequence[HistoryRow], size: int) -> tuple[list[HistoryRow], bool]:
    """The first rows up to about `size` bytes (at least one), and whether some were left."""
    total = 0
    for index, row in enumerate(rows):
        total += len(row.data)
        if index and total > size:
            return list(rows[:index]), True
    return list(rows), False


def recent_page(recent: list[HistoryEvent], after_event_id: int) -> HistoryPage:
    """One page of events from memory, from those after an event on, about a megabyte. The next page may have to come
    from the store, should the run be evicted meanwhile."""
    start = bisect_right(recent, after_event_id, key=_event_id)
    step = EVENTS_A_PAGE
    data = encode_records(recent[start : start + step])
    while len(data) > PAGE_BYTES_MAX and step > 1:
        step = max(1, step // 2)
        data = encode_records(recent[start : start + step])
    end = start + step
    return HistoryPage((data,), _token(Place(0, recent[end].event_id - 1)) if end < len(recent) else b"")


_event_id = attrgetter("event_id")


def _events_after(row: HistoryRow, event_id: int) -> bytes:
    """What a row holds beyond this event, without its annotations."""
    return encode_records([record for record in decode_records(row.data) if record.event_id > event_id])


def _token(place: Place) -> bytes:
    return pack(tuple(place) if place.run_id else place[:2] if place.event_id else place[:1])
