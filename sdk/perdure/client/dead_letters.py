"""Dead letters: requests and stream entries that could not be carried out, and what an operator may do with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from perdure.client.connection import Connection, check_text, nothing
from perdure.client.execution import time_of
from perdure.protocol import frontend

PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What could not be carried out.

    Attributes:
        source: What it was: a request of an inbox, a timer, a task.
        reason: Why it failed.
        data: Its bytes, as they came; empty in a list.
    """

    id: str
    shard_id: int
    time: datetime
    source: str
    reason: str
    data: bytes


class DeadLetters:
    """The dead letters of the cluster, of all namespaces."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(
        self, *, limit: int | None = None, rpc_timeout: timedelta | None = None
    ) -> AsyncIterator[DeadLetter]:
        """Newest first, without their data; `async for` reads them page by page."""
        token, left = b"", limit
        while left is None or left > 0:
            request = frontend.ListDeadLetters(PAGE_SIZE if left is None else min(PAGE_SIZE, left), token)
            page = await self._connection.ask_frontend(request, frontend.decode_dead_letter_page, rpc_timeout)
            for row in page.rows:
                yield _letter_of(row)
            token = page.next_page_token
            if not token:
                return
            left = None if left is None else left - len(page.rows)

    async def get(self, letter_id: str, *, rpc_timeout: timedelta | None = None) -> DeadLetter:
        """One letter, with its data.

        Raises:
            RPCError: NOT_FOUND.
        """
        check_text("the dead letter's id", letter_id)
        request = frontend.GetDeadLetter(letter_id)
        return _letter_of(await self._connection.ask_frontend(request, frontend.decode_dead_letter, rpc_timeout))

    async def retry(self, letter_id: str, *, rpc_timeout: timedelta | None = None) -> None:
        """Carry it out once more; it becomes a dead letter again if that fails too.

        Raises:
            RPCError: NOT_FOUND, also when it has been retried already.
        """
        check_text("the dead letter's id", letter_id)
        await self._connection.ask_frontend(frontend.RetryDeadLetter(letter_id), nothing, rpc_timeout)


def _letter_of(row: frontend.DeadLetter) -> DeadLetter:
    return DeadLetter(row.letter_id, row.shard_id, time_of(row.created_us), row.source, row.reason, row.data)
