"""Schedules, page by page."""

from __future__ import annotations

from datetime import timedelta

from perdure.client.connection import Connection
from perdure.client.paging import PageIterator
from perdure.client.schedule_description import ScheduleListDescription, listed_of
from perdure.protocol.schedule import ListSchedules, decode_schedule_page


class ScheduleAsyncIterator(PageIterator[ScheduleListDescription]):
    """Schedules by their ids. An asynchronous iterator, to be used once.

    Attributes:
        current_page: The rows of the page that is being read.
        current_page_index: Where in it.
        next_page_token: Where the next page starts; None after the last.
    """

    def __init__(
        self,
        connection: Connection,
        query: str,
        *,
        page_size: int,
        next_page_token: bytes | None,
        rpc_timeout: timedelta | None,
    ) -> None:
        super().__init__(next_page_token)
        self._connection = connection
        self._query = query
        self._page_size = page_size
        self._rpc_timeout = rpc_timeout

    async def fetch_next_page(self, *, page_size: int | None = None) -> None:
        """Replace the current page by the next one.

        Raises:
            RPCError: INVALID_ARGUMENT: the query cannot be understood; the message shows where.
        """
        connection = self._connection
        size = page_size or self._page_size
        request = ListSchedules(connection.namespace, size, self.next_page_token or b"", self._query)
        page = await connection.ask_frontend(request, decode_schedule_page, self._rpc_timeout)
        self._turn_to([listed_of(row, connection.converter) for row in page.rows], page.next_page_token)
