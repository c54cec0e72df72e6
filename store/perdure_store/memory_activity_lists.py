"""Lists of activities without a workflow in memory (see `activity_lists.ActivityLists`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from perdure_store.activity_lists import PAGE_BYTES_MAX, ActivityFilter, ActivityPlace, ListedActivity
from perdure_store.memory_activities import ACTIVITY_TASK
from perdure_store.memory_tables import OPEN, MemoryDatabase


class MemoryActivityLists(ABC):
    """A part of `MemoryStore`, which says how a call begins."""

    @abstractmethod
    async def _called(self, method: str) -> MemoryDatabase: ...

    async def list_activities(
        self, filter: ActivityFilter, *, after: ActivityPlace | None, limit: int
    ) -> list[ListedActivity]:
        database = await self._called("list_activities")
        found = [*_kept(database, filter), *_out(database, filter)]
        behind = sorted((each for each in found if after is None or each[:2] < after), reverse=True)[:limit]
        page, size = [], 0
        for each in behind:
            if size >= PAGE_BYTES_MAX:
                break
            page.append(each)
            size += len(each.entry)
        return page

    async def count_activities(self, filter: ActivityFilter) -> int:
        database = await self._called("count_activities")
        return sum(1 for _ in _kept(database, filter)) + sum(1 for _ in _out(database, filter) if not filter.types)


def _kept(database: MemoryDatabase, filter: ActivityFilter) -> Iterator[ListedActivity]:
    for row in database.activities.values():
        if (
            row.namespace == filter.namespace
            and (not filter.statuses or row.status in filter.statuses)
            and (not filter.types or row.activity_type in filter.types)
            and (not filter.task_queues or row.task_queue in filter.task_queues)
        ):
            names = row.number, row.run_id, row.activity_id, row.activity_type, row.task_queue
            yield ListedActivity(*names, row.status, row.scheduled_us, row.close_time_us, row.search_attributes, b"")


def _out(database: MemoryDatabase, filter: ActivityFilter) -> Iterator[ListedActivity]:
    """Those of which there is only the entry of their task."""
    if filter.statuses and OPEN not in filter.statuses:
        return
    for tasks in database.transfer.values():
        for task in tasks.values():
            if (
                task.kind == ACTIVITY_TASK
                and task.namespace == filter.namespace
                and task.event_id >= filter.first_number
                and (not filter.task_queues or task.task_queue in filter.task_queues)
                and (task.shard_id, task.run_id, task.event_id) not in database.activities
            ):
                yield ListedActivity(task.event_id, task.run_id, "", "", task.task_queue, OPEN, 0, 0, "", task.data)
