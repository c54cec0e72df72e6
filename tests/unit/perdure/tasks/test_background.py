"""The client of a process: connected when it is needed, and again when that failed."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.tasks import background, configure
from perdure.tasks.background import BackgroundClient


class Told:
    """In place of a client."""

    closed = 0

    async def close(self) -> None:
        Told.closed += 1


async def itself(client: Any) -> Any:
    return client


def test_it_connects_once_and_closes() -> None:
    made: list[Told] = []

    async def connect() -> Any:
        made.append(Told())
        return made[-1]

    client = BackgroundClient(connect)
    assert not made
    assert client.call(itself).result() is client.call(itself).result()
    before = Told.closed
    client.close()
    client.close()
    assert (len(made), Told.closed - before) == (1, 1)


def test_a_connection_that_failed_is_tried_again() -> None:
    tries = iter([OSError("nobody there"), Told()])

    async def connect() -> Any:
        found = next(tries)
        if isinstance(found, OSError):
            raise found
        return found

    client = BackgroundClient(connect)
    with pytest.raises(OSError, match="nobody there"):
        client.call(itself).result()
    assert isinstance(client.call(itself).result(), Told)
    client.close()


def test_there_is_one_for_each_process_until_it_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    configure("127.0.0.1:1")
    first = background.background()
    assert background.background() is first
    monkeypatch.setattr(first, "_pid", 1)
    second = background.background()
    assert second is not first
    monkeypatch.undo()
    configure()
    assert background.background() is not second
    first.close()
    configure()
