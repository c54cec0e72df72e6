"""Schedules, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

from perdure.client.connection import Connection
from perdure.client.schedule_description import ScheduleListDescription, listed_of
from perdure.protocol.schedule import ListSchedules, decode_schedule_page


class ScheduleAsyncIterator:
    """Schedules by their ids. An asynchronous iterator, to be used once.

    Attributes:
        current_page: The rows of the page that is being read.
        current_page_index: Where in it.
        next_page_token: Where the next page starts; None after the last.
    """

    current_page: list[ScheduleListDescription] | None
    current_page_index: int
    next_page_token: bytes | None

    def __init__(
        self,
        connection: Connection,
        query: str,
        *,
        page_size: int,
        next_page_token: bytes | None,
        rpc_timeout: timedelta | None,
    ) -> None:
        self.current_page = None
        self.current_page_index = 0
        self.next_page_token = next_page_token
        self._connection = connection
        self._query = query
        self._page_size = page_size
        self._rpc_timeout = rpc_timeout

    def __aiter__(self) -> AsyncIterator[ScheduleListDescription]:
        return self

    async def __anext__(self) -> ScheduleListDescription:
        while self.current_page is None or self.current_page_index >= len(self.current_page):
            if self.current_page is not None and self.next_page_token is None:
                raise StopAsyncIteration
            await self.fetch_next_page()
        row = self.current_page[self.current_page_index]
        self.current_page_index += 1
        return row

    async def fetch_next_page(self, *, page_size: int | None = None) -> None:
        """Replace the current page by the next one.

        Raises:
            RPCError: INVALID_ARGUMENT: the query cannot be understood; the message shows where.
        """
        connection = self._connection
        size = page_size or self._page_size
        request = ListSchedules(connection.namespace, size, self.next_page_token or b"", self._query)
        page = await connection.ask_frontend(request, decode_schedule_page, self._rpc_timeout)
        self.current_page = [listed_of(row, connection.converter) for row in page.rows]
        self.current_page_index = 0
        self.next_page_token = page.next_page_token or None
