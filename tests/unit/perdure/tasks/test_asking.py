"""Asking from plain code and from coroutines."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.tasks import background
from perdure.tasks.asking import ask, wait
from perdure.tasks.background import BackgroundClient


class Told:
    """In place of a client."""

    async def close(self) -> None:
        return


async def name(client: Any) -> str:
    return type(client).__name__


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Any:
    async def connect() -> Any:
        return Told()

    made = BackgroundClient(connect)
    monkeypatch.setattr(background, "_background", made)
    yield made
    made.close()


def test_plain_code_waits(told: BackgroundClient) -> None:
    assert wait(name, instead="") == "Told"


async def test_a_coroutine_awaits(told: BackgroundClient) -> None:
    assert await ask(name) == "Told"
    with pytest.raises(RuntimeError, match="use `that`"):
        wait(name, instead="`that`")


def test_waiting_ends(told: BackgroundClient) -> None:
    import asyncio

    async def never(client: Any) -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        wait(never, 0.01, instead="")
