"""How signals end a worker. (A whole worker: `tests/integration/tasks/test_workers.py`.)"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from perdure.cli import stopping
from perdure.cli.stopping import Stopping
from tests.waiting import wait_until


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    statuses: list[int] = []
    monkeypatch.setattr(stopping, "end_at_once", statuses.append)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield statuses
    for number, handler in before.items():
        signal.signal(number, handler)


async def test_the_first_signal_asks_and_the_second_ends(ended: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "ECHO_S", 0.0)
    heard = Stopping()
    assert not heard.asked.is_set()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(heard.asked.wait(), 30)
    assert ended == []
    os.kill(os.getpid(), signal.SIGINT)

    async def has_ended() -> list[int]:
        return ended

    assert await wait_until(has_ended, what="the end") == [130]


async def test_an_echo_of_the_first_is_not_a_second(ended: list[int]) -> None:
    heard = Stopping()
    heard._heard(signal.SIGINT)
    heard._heard(signal.SIGTERM)
    assert heard.asked.is_set()
    assert ended == []
