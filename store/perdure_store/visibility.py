"""Lists and counts of runs: the table that people search, behind the truth by a moment.

Role: upserts by version, and pages and counts by query. It has a connection of its own, and may live in another
database: nothing here shares a transaction with a commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from perdure_store import list_sql
from perdure_store.columns import byteas, int8s, repeated_texts, texts, uuids
from perdure_store.commit import encode
from perdure_store.connection import Link
from perdure_store.dialect import Dialect
from perdure_store.list_query import GroupCount, ListQuery, Place
from perdure_store.port import BatchRejected, VisibilityRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_ROW = (
    repeated_texts, uuids, texts, repeated_texts, repeated_texts, int8s, int8s, int8s, int8s, int8s, int8s, byteas,
    repeated_texts, repeated_texts, repeated_texts, repeated_texts, repeated_texts, int8s,
)  # fmt: skip


async def upsert(link: Link, rows: Sequence[VisibilityRow]) -> None:
    """Write rows; of several for one run the highest version."""
    latest: dict[tuple[str, str], VisibilityRow] = {}
    for row in rows:
        known = latest.get((row.namespace, row.run_id))
        if known is None or known.version < row.version:
            latest[row.namespace, row.run_id] = row
    if not latest:
        return
    try:
        parameters = encode(_ROW, list(latest.values()))
    except (ValueError, TypeError, AttributeError) as error:
        raise BatchRejected(f"A value cannot be written: {error}") from error
    await link.execute("upsert_visibility", parameters)


async def page(
    link: Link, query: ListQuery, dialect: Dialect, *, limit: int, after: Place | None
) -> list[VisibilityRow]:
    """See `Store.list_visibility`."""
    statement = list_sql.page(query, dialect, limit=limit, after=after)
    return [_row(fields) for fields in await link.fetch_composed(*statement)]


async def count(link: Link, query: ListQuery, dialect: Dialect, *, limit: int) -> list[GroupCount]:
    """See `Store.count_visibility`."""
    rows = await link.fetch_composed(*list_sql.count(query, dialect, limit=limit))
    return [GroupCount(tuple(map(_plain, values)), number) for *values, number in rows]


def _plain(value: Any) -> Any:
    return _microseconds(value) if isinstance(value, datetime) else value


def _row(fields: Sequence[Any]) -> VisibilityRow:
    return VisibilityRow(*fields[:6], *map(_microseconds, fields[6:9]), *fields[9:])


def _microseconds(time: datetime | None) -> int:
    """Exact, which a float of seconds is not; 0 for none."""
    return 0 if time is None else (time - _EPOCH) // _MICROSECOND
