"""Retention: finding closed runs whose time is over, and forgetting them.

Role: reads and deletes for the janitor of a shard's owner, on a connection of their own, so that they never delay a
commit.

Rules:
- Only closed runs go, only those without an outstanding task, and only while the shard is owned at the range that the
  caller names: whatever else was asked for stays. Twice is harmless.
- A run goes with all that belongs to it in one statement; the rows of a very long history go before, in pieces.
"""

from __future__ import annotations

from collections.abc import Sequence

from perdure_store.columns import uuids
from perdure_store.connection import Link
from perdure_store.port import ExpiredRun


async def retentions(link: Link) -> dict[str, int]:
    """Milliseconds by namespace (see `Store.retentions`)."""
    return dict(await link.fetch("retentions"))


async def set_retention(link: Link, namespace: str, retention_ms: int) -> None:
    await link.execute("set_retention", {"namespace": namespace, "retention_ms": retention_ms})


async def closed_namespaces(link: Link, shard_id: int) -> list[str]:
    """One probe of the index for each: a shard has few."""
    found: list[str] = []
    while True:
        after = found[-1] if found else ""
        rows = await link.fetch("next_closed_namespace", {"shard_id": shard_id, "after": after})
        if not rows:
            return found
        found.append(rows[0][0])


async def expired_runs(
    link: Link, shard_id: int, namespace: str, closed_from_us: int, closed_before_us: int, limit: int
) -> list[ExpiredRun]:
    parameters = {
        "shard_id": shard_id,
        "namespace": namespace,
        "closed_from_us": closed_from_us,
        "closed_before_us": closed_before_us,
        "limit": limit,
    }
    return [ExpiredRun(*row) for row in await link.fetch("expired_runs", parameters)]


async def delete_history(link: Link, shard_id: int, range_id: int, run_id: str, limit: int) -> int:
    parameters = {"shard_id": shard_id, "range_id": range_id, "run_id": run_id, "limit": limit}
    return await link.execute("delete_history", parameters)


async def delete_runs(link: Link, shard_id: int, range_id: int, run_ids: Sequence[str]) -> int:
    if not run_ids:
        return 0
    parameters = {"shard_id": shard_id, "range_id": range_id, "run_ids": uuids(run_ids)}
    return await link.execute("delete_runs", parameters)


async def delete_visibility(link: Link, namespace: str, run_ids: Sequence[str]) -> None:
    if run_ids:
        await link.execute("delete_visibility", {"namespace": namespace, "run_ids": uuids(run_ids)})
