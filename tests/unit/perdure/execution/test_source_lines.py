"""Where in the user's code something happens."""

from __future__ import annotations

import asyncio

from perdure.execution.source_lines import calling_line, waiting_line, waiting_stack


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
