"""Pages that are read as one: empty ones in between are passed over, and none is asked for after the last."""

from __future__ import annotations

from perdure.client.paging import PageIterator


class _Numbers(PageIterator[int]):
    def __init__(self, *pages: list[int], limit: int | None = None) -> None:
        super().__init__(None, limit=limit)
        self.pages = list(pages)
        self.fetched = 0

    async def fetch_next_page(self) -> None:
        self.fetched += 1
        page = self.pages.pop(0)
        self._turn_to(page, b"more" if self.pages else b"")


async def test_pages_are_read_one_after_the_other() -> None:
    numbers = _Numbers([1, 2], [], [3])
    assert [number async for number in numbers] == [1, 2, 3]
    assert (numbers.fetched, numbers.next_page_token) == (3, None)


async def test_an_empty_page_that_is_the_last_ends_it() -> None:
    assert [number async for number in _Numbers([])] == []


async def test_who_looks_at_a_page_sees_where_it_is_read() -> None:
    numbers = _Numbers([1, 2], [3])
    assert await anext(numbers) == 1
    assert (numbers.current_page, numbers.current_page_index, numbers.next_page_token) == ([1, 2], 1, b"more")


async def test_no_more_are_read_than_asked_for() -> None:
    numbers = _Numbers([1, 2], [3, 4], limit=3)
    assert numbers._size(100) == 3
    assert [number async for number in numbers] == [1, 2, 3]
    assert numbers._size(100) == 0
    nothing = _Numbers([1], limit=0)
    assert [number async for number in nothing] == []
    assert nothing.fetched == 0
