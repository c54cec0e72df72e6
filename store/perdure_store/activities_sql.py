"""Activities without a workflow in the database (see `activities.Activities`): loading on the connection of loads, the
janitor's work on that of upkeep. They are written by `commit`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perdure_store.columns import int8s, repeated_texts, uuids
from perdure_store.commit import encode
from perdure_store.connection import Link
from perdure_store.rows import ActivityExecutionRow, ActivityKey, LoadedActivity, TransferRow

_NAMED = (int8s, int8s, uuids, int8s)
_REQUESTED = (int8s, int8s, uuids, repeated_texts, int8s)
_TASKS = (int8s, int8s, uuids)


class SqlActivities:
    """Args:
    loads: the connection for what batches need.
    upkeep: that of the janitor.
    """

    def __init__(self, loads: Link, upkeep: Link) -> None:
        self._activity_loads = loads
        self._activity_upkeep = upkeep

    async def load_activities(self, keys: Sequence[ActivityKey]) -> list[LoadedActivity]:
        if not keys:
            return []
        named = [(position, key.shard_id, key.run_id, key.number) for position, key in enumerate(keys)]
        statements: list[tuple[str, Any]] = [
            ("find_activities", encode(_NAMED, named)),
            ("find_activity_tasks", encode(_TASKS, [row[:3] for row in named])),
        ]
        asked = [
            (position, key.shard_id, key.run_id, key.request_id, key.since)
            for position, key in enumerate(keys)
            if key.request_id
        ]
        if asked:
            statements.append(("find_requested_activities", encode(_REQUESTED, asked)))
        found = await self._activity_loads.fetch_each(statements)
        rows = {position: ActivityExecutionRow(*fields) for position, *fields in found[0]}
        tasks = {position: TransferRow(*fields) for position, *fields in found[1]}
        requested = {position: ActivityExecutionRow(*fields) for position, *fields in found[2]} if asked else {}
        if not rows and not tasks and not requested:
            return [NOTHING] * len(keys)
        return [
            LoadedActivity(rows.get(position), requested.get(position), tasks.get(position))
            for position in range(len(keys))
        ]

    async def delete_expired_activities(
        self, shard_id: int, range_id: int, namespace: str, *, closed_before_us: int, limit: int
    ) -> int:
        parameters = {
            "shard_id": shard_id,
            "range_id": range_id,
            "namespace": namespace,
            "closed_before_us": closed_before_us,
            "limit": limit,
        }
        return await self._activity_upkeep.execute("delete_expired_activities", parameters)

    async def delete_overdue_activities(self, shard_id: int, range_id: int, *, now_us: int, limit: int) -> int:
        parameters = {"shard_id": shard_id, "range_id": range_id, "now_us": now_us, "limit": limit}
        return await self._activity_upkeep.execute("delete_overdue_activities", parameters)

    async def activity_namespaces(self, shard_id: int) -> list[str]:
        found: list[str] = []
        while True:
            after = found[-1] if found else ""
            parameters = {"shard_id": shard_id, "after": after}
            rows = await self._activity_upkeep.fetch("next_activity_namespace", parameters)
            if not rows:
                return found
            found.append(rows[0][0])


NOTHING = LoadedActivity(None, None, None)
