"""The part of the port that lists and counts activities without a workflow.

Rules: what is listed is a row of those that are kept, or, where the entry of its task is all there is of an open one,
that task's row. Such a row says neither id nor type: its entry does, which only the engine can read. Newest first means
by number, which begins with the millisecond of the start.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol


class ActivityFilter(NamedTuple):
    """What is listed: with any of these statuses, types and task queues; any at all, where none is named. Types are
    not looked at where only the entry of the task has one. `first_number`: below it are events of workflows."""

    namespace: str
    first_number: int
    statuses: tuple[int, ...] = ()
    types: tuple[str, ...] = ()
    task_queues: tuple[str, ...] = ()


class ActivityPlace(NamedTuple):
    """Where a page ends."""

    number: int
    run_id: str


class ListedActivity(NamedTuple):
    """One execution. `entry`: of its task, if that is all there is; then the fields that are empty here stand there."""

    number: int
    run_id: str
    activity_id: str
    activity_type: str
    task_queue: str
    status: int
    scheduled_us: int
    close_time_us: int
    search_attributes: str
    entry: bytes


PAGE_BYTES_MAX = 4_000_000
"""A page ends behind the entry by which it has so many bytes of them."""


class ActivityLists(Protocol):
    async def list_activities(
        self, filter: ActivityFilter, *, after: ActivityPlace | None, limit: int
    ) -> list[ListedActivity]:
        """Up to `limit` behind a place, newest first, fewer if their entries are large; none: there are no more."""

    async def count_activities(self, filter: ActivityFilter) -> int:
        """How many there are. With types, those of which there is only an entry are not counted."""
