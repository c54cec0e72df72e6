"""Activities without a workflow in memory (see `activities.Activities`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from perdure_store.memory_tables import OPEN, MemoryDatabase
from perdure_store.rows import ActivityExecutionRow, ActivityKey, LoadedActivity

ACTIVITY_TASK = 2


class MemoryActivities(ABC):
    """A part of `MemoryStore`, which says how a call begins."""

    @abstractmethod
    async def _called(self, method: str) -> MemoryDatabase: ...

    async def load_activities(self, keys: Sequence[ActivityKey]) -> list[LoadedActivity]:
        database = await self._called("load_activities")
        return [_loaded(database, key) for key in keys]

    async def delete_expired_activities(
        self, shard_id: int, range_id: int, namespace: str, *, closed_before_us: int, now_us: int, limit: int
    ) -> int:
        database = await self._called("delete_expired_activities")
        old = sorted(
            (row.close_time_us, row.run_id, row.number)
            for row in _closed(database, shard_id)
            if row.namespace == namespace and -now_us <= row.expires_us <= 0 and row.close_time_us < closed_before_us
        )
        return _delete(database, shard_id, range_id, [(run_id, number) for _, run_id, number in old[:limit]])

    async def delete_overdue_activities(self, shard_id: int, range_id: int, *, now_us: int, limit: int) -> int:
        database = await self._called("delete_overdue_activities")
        old = sorted(
            (row.expires_us, row.run_id, row.number)
            for row in _closed(database, shard_id)
            if 0 < row.expires_us <= now_us
        )
        return _delete(database, shard_id, range_id, [(run_id, number) for _, run_id, number in old[:limit]])

    async def activity_namespaces(self, shard_id: int) -> list[str]:
        database = await self._called("activity_namespaces")
        return sorted({row.namespace for row in _closed(database, shard_id)})


def _closed(database: MemoryDatabase, shard_id: int) -> Iterable[ActivityExecutionRow]:
    return (row for row in database.activities.values() if row.shard_id == shard_id and row.status != OPEN)


def _delete(database: MemoryDatabase, shard_id: int, range_id: int, keys: list[tuple[str, int]]) -> int:
    if database.shards[shard_id].range_id != range_id:
        return 0
    for run_id, number in keys:
        del database.activities[shard_id, run_id, number]
    return len(keys)


def _loaded(database: MemoryDatabase, key: ActivityKey) -> LoadedActivity:
    rows = sorted(
        (row for row in database.activities.values() if (row.shard_id, row.run_id) == (key.shard_id, key.run_id)),
        key=lambda row: row.number,
        reverse=True,
    )
    tasks = sorted(
        task
        for task in database.transfer[key.shard_id].values()
        if task.run_id == key.run_id and task.kind == ACTIVITY_TASK
    )
    requested = [row for row in rows if row.request_id == key.request_id and row.number >= key.since]
    return LoadedActivity(
        next((row for row in rows if key.number in (0, row.number)), None),
        requested[0] if key.request_id and requested else None,
        tasks[-1] if tasks else None,
    )
