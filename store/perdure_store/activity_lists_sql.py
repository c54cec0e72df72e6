"""Lists of activities without a workflow from the database (see `activity_lists.ActivityLists`), on the connection of
lists."""

from __future__ import annotations

from typing import Any

from perdure_store.activity_lists import PAGE_BYTES_MAX, ActivityFilter, ActivityPlace, ListedActivity
from perdure_store.columns import int8s, texts
from perdure_store.connection import Link

_FIRST = ActivityPlace(2**63 - 1, "ffffffff-ffff-ffff-ffff-ffffffffffff")


class SqlActivityLists:
    """Args:
    link: the connection.
    """

    def __init__(self, link: Link) -> None:
        self._activity_lists_link = link

    async def list_activities(
        self, filter: ActivityFilter, *, after: ActivityPlace | None, limit: int
    ) -> list[ListedActivity]:
        place = after or _FIRST
        parameters = {
            **_parameters(filter),
            "number": place.number,
            "run_id": place.run_id,
            "limit": limit,
            "bytes_max": PAGE_BYTES_MAX,
        }
        return [ListedActivity(*row) for row in await self._activity_lists_link.fetch("list_activities", parameters)]

    async def count_activities(self, filter: ActivityFilter) -> int:
        rows = await self._activity_lists_link.fetch("count_activities", _parameters(filter))
        return int(rows[0][0])


def _parameters(filter: ActivityFilter) -> dict[str, Any]:
    return {
        "namespace": filter.namespace,
        "first_number": filter.first_number,
        "statuses": int8s(filter.statuses),
        "types": texts(filter.types),
        "task_queues": texts(filter.task_queues),
        "any_status": not filter.statuses,
        "any_type": not filter.types,
        "any_task_queue": not filter.task_queues,
        "is_open": not filter.statuses or 1 in filter.statuses,
    }
