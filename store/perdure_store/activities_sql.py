"""Activities without a workflow in the database (see `activities.Activities`): loading on the connection of loads, the
janitor's work on that of upkeep. They are written by `commit`."""

from __future__ import annotations

from collections.abc import Sequence

from perdure_store.columns import int8s, repeated_texts, uuids
from perdure_store.commit import encode
from perdure_store.connection import Link
from perdure_store.rows import ActivityExecutionRow, ActivityKey, LoadedActivity, TransferRow

_NAMED = (int8s, int8s, uuids, int8s)
_REQUESTED = (int8s, int8s, uuids, repeated_texts, int8s)
_WIDTH = len(ActivityExecutionRow._fields)


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
        found = await self._activity_loads.fetch("find_activities", encode(_NAMED, named))
        if not found:
            return [NOTHING] * len(keys)
        loaded = dict.fromkeys(range(len(keys)), NOTHING)
        for position, *fields in found:
            row = ActivityExecutionRow(*fields[:_WIDTH]) if fields[0] is not None else None
            task = TransferRow(*fields[_WIDTH:]) if fields[_WIDTH] is not None else None
            loaded[position] = LoadedActivity(row, None, task)
        await self._add_requested(keys, loaded)
        return list(loaded.values())

    async def _add_requested(self, keys: Sequence[ActivityKey], loaded: dict[int, LoadedActivity]) -> None:
        """What a request has started may stand behind the last execution of its activity id."""
        asked = []
        for position, (_, run_id, _, request_id, since) in enumerate(keys):
            row = loaded[position].row
            if not request_id or row is None:
                continue
            if row.request_id == request_id and row.number >= since:
                loaded[position] = loaded[position]._replace(requested=row)
            else:
                asked.append((position, row.shard_id, run_id, request_id, since))
        if asked:
            for position, *fields in await self._activity_loads.fetch(
                "find_requested_activities", encode(_REQUESTED, asked)
            ):
                loaded[position] = loaded[position]._replace(requested=ActivityExecutionRow(*fields))

    async def delete_expired_activities(
        self, shard_id: int, range_id: int, namespace: str, *, closed_before_us: int, now_us: int, limit: int
    ) -> int:
        parameters = {
            "shard_id": shard_id,
            "range_id": range_id,
            "namespace": namespace,
            "closed_before_us": closed_before_us,
            "now_us": now_us,
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
