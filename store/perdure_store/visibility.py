"""Lists and counts of runs: the table that people search, behind the truth by a moment.

Role: upserts by version, and pages and counts by filter. It has a connection of its own, and may live in another
database: nothing here shares a transaction with a commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from perdure_store.columns import byteas, int8s, repeated_texts, texts, uuids
from perdure_store.commit import encode
from perdure_store.connection import Link
from perdure_store.port import BatchRejected, VisibilityFilter, VisibilityRow

STATUSES = tuple(range(1, 8))
"""Every status that a run can have (`ExecutionStatus`); a list without a wish reads one index range for each."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST = datetime(9999, 1, 1, tzinfo=UTC)
_LAST_RUN_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"

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
    link: Link, wanted: VisibilityFilter, *, limit: int, before: tuple[int, str] | None
) -> list[VisibilityRow]:
    """Newest start first (see `Store.list_visibility`)."""
    query = "list_visibility"
    if wanted.workflow_type:
        query = "list_visibility_by_type"
    if wanted.workflow_id:
        query = "list_visibility_by_workflow_id"
    before_time, before_run_id = (_time(before[0]), before[1]) if before else (_LAST, _LAST_RUN_ID)
    parameters = _parameters(wanted) | {"limit": limit, "before_time": before_time, "before_run_id": before_run_id}
    return [_row(fields) for fields in await link.fetch(query, parameters)]


async def count(link: Link, wanted: VisibilityFilter) -> int:
    rows = await link.fetch("count_visibility", _parameters(wanted))
    return int(rows[0][0])


def _parameters(wanted: VisibilityFilter) -> dict[str, Any]:
    return {
        "namespace": wanted.namespace,
        "workflow_id": wanted.workflow_id,
        "workflow_type": wanted.workflow_type,
        "statuses": [wanted.status] if wanted.status else list(STATUSES),
        "started_from": _time(wanted.started_from_us),
        "started_to": _time(wanted.started_to_us) if wanted.started_to_us else _LAST,
    }


def _row(fields: Sequence[Any]) -> VisibilityRow:
    return VisibilityRow(*fields[:6], *map(_microseconds, fields[6:9]), *fields[9:])


def _time(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)


def _microseconds(time: datetime | None) -> int:
    """Exact, which a float of seconds is not; 0 for none."""
    return 0 if time is None else (time - _EPOCH) // _MICROSECOND
