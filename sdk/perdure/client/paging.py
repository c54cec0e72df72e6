"""Pages of what a client asks for, read as one asynchronous iterator, to be used once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

Row = TypeVar("Row")


class PageIterator(Generic[Row]):
    """See the module's docstring.

    Attributes:
        current_page: What stands on the page that is being read.
        current_page_index: Where in it.
        next_page_token: Where the next page starts; None after the last.
    """

    current_page: list[Row] | None
    current_page_index: int
    next_page_token: bytes | None

    def __init__(self, next_page_token: bytes | None, *, limit: int | None = None) -> None:
        """Begin at a page. `limit`: no more rows than these in all."""
        self.current_page = None
        self.current_page_index = 0
        self.next_page_token = next_page_token
        self._left = limit

    def __aiter__(self) -> AsyncIterator[Row]:
        return self

    async def __anext__(self) -> Row:
        if self._left is not None and self._left <= 0:
            raise StopAsyncIteration
        while self.current_page is None or self.current_page_index >= len(self.current_page):
            if self.current_page is not None and self.next_page_token is None:
                raise StopAsyncIteration
            await self.fetch_next_page()
        row = self.current_page[self.current_page_index]
        self.current_page_index += 1
        if self._left is not None:
            self._left -= 1
        return row

    @abstractmethod
    async def fetch_next_page(self) -> None:
        """Replace the current page by the next one."""

    def _size(self, size: int) -> int:
        """How many rows are worth asking for at once."""
        return size if self._left is None else min(size, self._left)

    def _turn_to(self, page: list[Row], next_page_token: bytes) -> None:
        self.current_page = page
        self.current_page_index = 0
        self.next_page_token = next_page_token or None
