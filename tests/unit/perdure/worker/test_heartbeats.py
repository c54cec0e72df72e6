"""Heartbeats: told often, sent seldom."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from perdure.worker.deadlines import Deadlines
from perdure.worker.heartbeats import Heartbeats


async def test_the_first_at_once_then_the_last_of_each_interval() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop, 1)
    sent: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
    beats = Heartbeats(loop, deadlines, 0.05, sent.put_nowait)
    here = threading.get_ident()
    for number in range(5):
        beats.beat((number,), here)
    assert sent.get_nowait() == (0,)
    assert beats.unsent == (4,)
    assert await sent.get() == (4,)
    assert beats.unsent is None
    beats.beat((5,), here)
    beats.end()
    beats.beat((6,), here)
    assert beats.unsent == (6,)
    deadlines.close()


async def test_from_a_thread() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop, 1)
    sent: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
    beats = Heartbeats(loop, deadlines, 60, sent.put_nowait)
    here = threading.get_ident()

    def beat() -> None:
        for number in range(3):
            beats.beat((number,), here)

    await asyncio.to_thread(beat)
    first = await sent.get()
    assert first in {(0,), (1,), (2,)}
    assert sent.empty()
    deadlines.close()
