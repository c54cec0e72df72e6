"""Schedules in memory (see `schedules.ScheduleTable`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from perdure_store.memory_tables import MemoryDatabase
from perdure_store.schedules import ScheduleRow


class MemorySchedules(ABC):
    """A part of `MemoryStore`, which says how a call begins."""

    @abstractmethod
    async def _called(self, method: str) -> MemoryDatabase: ...

    async def insert_schedule(self, row: ScheduleRow) -> bool:
        database = await self._called("insert_schedule")
        return database.schedules.setdefault(row[:2], row) is row

    async def schedule(self, namespace: str, schedule_id: str) -> ScheduleRow | None:
        return (await self._called("schedule")).schedules.get((namespace, schedule_id))

    async def schedules(self, namespace: str, *, after_id: str, limit: int) -> list[ScheduleRow]:
        database = await self._called("schedules")
        rows = [row for row in database.schedules.values() if row.namespace == namespace and row.schedule_id > after_id]
        return sorted(rows)[:limit]

    async def due_schedules(self, until_us: int, *, after: ScheduleRow | None, limit: int) -> list[ScheduleRow]:
        database = await self._called("due_schedules")
        rows = [row for row in database.schedules.values() if row.next_us <= until_us]
        behind = [row for row in rows if after is None or _place(row) > _place(after)]
        return sorted(behind, key=_place)[:limit]

    async def waiting_schedules(self, *, after: ScheduleRow | None, limit: int) -> list[ScheduleRow]:
        database = await self._called("waiting_schedules")
        rows = [row for row in database.schedules.values() if row.waits]
        return sorted(row for row in rows if after is None or row[:2] > after[:2])[:limit]

    async def update_schedules(self, rows: Sequence[ScheduleRow]) -> set[tuple[str, str]]:
        database = await self._called("update_schedules")
        updated = set()
        for row in rows:
            known = database.schedules.get(row[:2])
            if known is not None and known.revision == row.revision - 1:
                database.schedules[row[:2]] = row._replace(definition=known.definition)
                updated.add(row[:2])
        return updated

    async def redefine_schedule(self, row: ScheduleRow) -> bool:
        database = await self._called("redefine_schedule")
        known = database.schedules.get(row[:2])
        if known is None or known.revision != row.revision - 1:
            return False
        database.schedules[row[:2]] = row
        return True

    async def delete_schedule(self, namespace: str, schedule_id: str) -> bool:
        database = await self._called("delete_schedule")
        return database.schedules.pop((namespace, schedule_id), None) is not None


def _place(row: ScheduleRow) -> tuple[int, str, str]:
    return row.next_us, row.namespace, row.schedule_id
