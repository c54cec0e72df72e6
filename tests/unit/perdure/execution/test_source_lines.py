"""Where in the user's code something happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from perdure.execution.source_lines import (
    calling_line,
    defining_line,
    raising_line,
    source_text,
    waiting_line,
    waiting_stack,
)


def test_the_calling_line() -> None:
    assert calling_line().endswith("in test_the_calling_line")
    assert "test_source_lines.py:" in calling_line()


async def test_the_line_at_which_a_coroutine_waits() -> None:
    event = asyncio.Event()

    async def inner() -> None:
        await event.wait()

    async def outer() -> None:
        await inner()

    coroutine = outer()
    task = asyncio.create_task(coroutine)
    await asyncio.sleep(0)
    assert waiting_line(coroutine).endswith("inner")
    assert [line.rpartition(".")[2] for line in waiting_stack(coroutine)] == ["outer", "inner", "wait"]
    event.set()
    await task
    assert waiting_line(coroutine) == ""
    assert waiting_line(None) == ""


def _decorated(*_words: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    return lambda function: function


@_decorated(
    "a decorator",
    "of several lines",
)
def _raises() -> None:
    raise ValueError("here")


def test_the_line_that_raised() -> None:
    with pytest.raises(ValueError, match="here") as caught:
        _raises()
    assert raising_line(caught.value).endswith("in _raises")
    assert source_text(raising_line(caught.value)) == 'raise ValueError("here")'
    assert raising_line(ValueError()) == ""


def test_a_function_is_where_its_def_is() -> None:
    assert defining_line(_raises).endswith("in _raises")
    assert source_text(defining_line(_raises)) == "def _raises() -> None:"
    unseen: dict[str, Callable[[], None]] = {}
    exec(compile("\n\ndef unseen(): ...", "nowhere.py", "exec"), unseen)
    assert defining_line(unseen["unseen"]) == "nowhere.py:3 in unseen"


def test_there_may_be_no_text() -> None:
    assert source_text("") == ""
    assert source_text("nowhere.py:3 in unseen") == ""
