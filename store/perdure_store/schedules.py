"""The part of the port that is about schedules: rows that are looked for by the time at which they are due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

NEVER_US = 2**63 - 1
"""Of a schedule that there is nothing to do about until somebody changes it."""


class ScheduleRow(NamedTuple):
    """One schedule. Key: the first two fields. `revision` rises with each change, and an update names the one that it
    knows: of two executors one gives up. `next_us`: when there is something to do about it. `waits`: also when what it
    started is over."""

    namespace: str
    schedule_id: str
    revision: int
    next_us: int
    waits: bool
    definition: bytes
    progress: bytes


class ScheduleTable(Protocol):
    async def insert_schedule(self, row: ScheduleRow) -> bool:
        """False: there is one of this key already."""

    async def schedule(self, namespace: str, schedule_id: str) -> ScheduleRow | None: ...

    async def schedules(self, namespace: str, *, after_id: str, limit: int) -> list[ScheduleRow]:
        """Those behind an id, by id."""

    async def due_schedules(self, until_us: int, *, after: ScheduleRow | None, limit: int) -> list[ScheduleRow]:
        """Those of all namespaces that are due by then, behind another one: first those due first."""

    async def waiting_schedules(self, *, after: ScheduleRow | None, limit: int) -> list[ScheduleRow]:
        """Those of all namespaces that wait, behind another one, by namespace and id."""

    async def update_schedules(self, rows: Sequence[ScheduleRow]) -> set[tuple[str, str]]:
        """Replace all but the definition where the revision is one below; returns the keys of these."""

    async def redefine_schedule(self, row: ScheduleRow) -> bool:
        """Replace the row whose revision is one below; False: it has another, or is gone."""

    async def delete_schedule(self, namespace: str, schedule_id: str) -> bool:
        """False: there is none of this key."""
