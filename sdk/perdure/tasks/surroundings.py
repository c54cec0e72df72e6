"""Which client a task is enqueued by: the one that surrounds the call, else the one of this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from perdure.client import Client

_client: ContextVar[Client | None] = ContextVar("perdure_tasks_client", default=None)


@contextmanager
def using(client: Client) -> Iterator[Client]:
    """In this block, and in what it starts, `adelay` and its like enqueue by this client, on its event loop."""
    token = _client.set(client)
    try:
        yield client
    finally:
        _client.reset(token)


def surrounding_client() -> Client | None:
    """The client of the block that the call is in, if that runs on its event loop."""
    return _client.get()


def is_on_a_loop() -> bool:
    """Whether an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
