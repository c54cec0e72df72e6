"""`OutboxTable`: making the table of an outbox, and looking after what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from perdure.outbox.driver import connect, explained, load_driver
from perdure.outbox.statements import ddl, statement


class OutboxEntry(NamedTuple):
    """A start that has not begun.

    Attributes:
        id: Of the row, for `OutboxTable.retry`.
        kind: "workflow" or "activity".
        namespace: Where it is to begin.
        execution_id: The workflow id or activity id.
        type: The type of the workflow or the activity.
        task_queue: Where its workers poll.
        enqueued_at: When it was written.
        attempts: How often it was sent, and put back.
        due_at: When it is sent again; None: as soon as a relay finds it.
        refused_at: When it was refused for good; None: it waits.
        reason: Why it was put back the last time; else empty.
    """

    id: int
    kind: str
    namespace: str
    execution_id: str
    type: str
    task_queue: str
    enqueued_at: datetime
    attempts: int
    due_at: datetime | None
    refused_at: datetime | None
    reason: str


class OutboxTable:
    """The outbox in one database: where the search_path of its connections finds `perdure_outbox`.

    Each call makes a connection of its own.

    Raises (all of them):
        OutboxUnavailable: the database cannot be used, or there is no table.
        DriverMissing: psycopg is not installed.
    """

    def __init__(self, postgres_dsn: str) -> None:
        self._dsn = postgres_dsn

    @staticmethod
    def ddl() -> str:
        """The statements that make the table, for migrations of your own. Safe to run twice."""
        return ddl()

    async def create(self) -> None:
        """Make the table, if it is not there. Safe to run twice, and by several at once."""
        async with await connect(self._dsn) as connection, explained(), connection.transaction():
            await connection.execute(statement("lock_creation"))
            await connection.execute(ddl())

    async def entries(self, *, limit: int = 100, refused: bool = False) -> list[OutboxEntry]:
        """What has not begun; what was refused first, then the oldest first.

        Args:
            limit: At most so many.
            refused: Only what was refused for good.
        """
        rows = load_driver().rows
        async with await connect(self._dsn) as connection, explained():
            cursor = connection.cursor(row_factory=rows.class_row(OutboxEntry))
            await cursor.execute(statement("list"), {"count": limit, "refused": refused})
            found: list[OutboxEntry] = await cursor.fetchall()
        return found

    async def retry(self, ids: Sequence[int] | None = None) -> list[int]:
        """Have starts tried again at once that were refused, or wait for another attempt.

        Args:
            ids: Of these rows. None: of all.

        Returns:
            The ids of those that are tried again.
        """
        async with await connect(self._dsn) as connection, explained(), connection.transaction():
            cursor = await connection.execute(statement("retry"), {"all": ids is None, "ids": list(ids or ())})
            found = sorted(row[0] for row in await cursor.fetchall())
            await connection.execute(statement("notify"))
        return found
