"""Schedules in the database (see `ScheduleTable`): each method is one query, on the connection of upkeep."""

from __future__ import annotations

from collections.abc import Sequence

from perdure_store.columns import byteas, int8s, texts
from perdure_store.connection import Link
from perdure_store.schedules import ScheduleRow


class SqlSchedules:
    """Args:
    link: the connection to use.
    """

    def __init__(self, link: Link) -> None:
        self._schedules_link = link

    async def insert_schedule(self, row: ScheduleRow) -> bool:
        return await self._schedules_link.execute("insert_schedule", row._asdict()) > 0

    async def schedule(self, namespace: str, schedule_id: str) -> ScheduleRow | None:
        parameters = {"namespace": namespace, "schedule_id": schedule_id}
        rows = await self._schedules_link.fetch("schedule", parameters)
        return ScheduleRow(*rows[0]) if rows else None

    async def schedules(self, namespace: str, *, after_id: str, limit: int) -> list[ScheduleRow]:
        parameters = {"namespace": namespace, "after_id": after_id, "limit": limit}
        return [ScheduleRow(*row) for row in await self._schedules_link.fetch("schedules", parameters)]

    async def due_schedules(self, until_us: int, *, after: ScheduleRow | None, limit: int) -> list[ScheduleRow]:
        after_us, after_namespace, after_id = (-1, "", "") if after is None else (after.next_us, *after[:2])
        parameters = {
            "until_us": until_us,
            "after_us": after_us,
            "after_namespace": after_namespace,
            "after_id": after_id,
            "limit": limit,
        }
        return [ScheduleRow(*row) for row in await self._schedules_link.fetch("due_schedules", parameters)]

    async def waiting_schedules(self, *, after: ScheduleRow | None, limit: int) -> list[ScheduleRow]:
        after_namespace, after_id = ("", "") if after is None else after[:2]
        parameters = {"after_namespace": after_namespace, "after_id": after_id, "limit": limit}
        return [ScheduleRow(*row) for row in await self._schedules_link.fetch("waiting_schedules", parameters)]

    async def update_schedules(self, rows: Sequence[ScheduleRow]) -> set[tuple[str, str]]:
        if not rows:
            return set()
        ordered = sorted(rows)  # two engines that write the same rows wait for each other, and not in a circle
        columns = (
            texts([row.namespace for row in ordered]),
            texts([row.schedule_id for row in ordered]),
            int8s([row.revision for row in ordered]),
            int8s([row.next_us for row in ordered]),
            int8s([row.waits for row in ordered]),
            byteas([row.progress for row in ordered]),
        )
        return {(row[0], row[1]) for row in await self._schedules_link.fetch("update_schedules", columns)}

    async def redefine_schedule(self, row: ScheduleRow) -> bool:
        return await self._schedules_link.execute("redefine_schedule", row._asdict()) > 0

    async def delete_schedule(self, namespace: str, schedule_id: str) -> bool:
        parameters = {"namespace": namespace, "schedule_id": schedule_id}
        return await self._schedules_link.execute("delete_schedule", parameters) > 0
