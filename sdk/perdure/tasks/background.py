"""The client of this process for code that has none: it lives on an event loop in a thread of its own.

Plain `def` code waits for it, coroutines await it; both by `call`. It connects when it is first needed, and anew in a
process that was forked.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from perdure.client import Client

T = TypeVar("T")


class BackgroundClient:
    """See the module's docstring. `connect` is called once, on the loop of the thread."""

    def __init__(self, connect: Callable[[], Awaitable[Client]]) -> None:
        self._connect = connect
        self._pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._client: asyncio.Task[Client] | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="perdure-tasks", daemon=True)
        self._thread.start()

    @property
    def is_of_this_process(self) -> bool:
        return self._pid == os.getpid()

    def call(self, work: Callable[[Client], Awaitable[T]]) -> concurrent.futures.Future[T]:
        """Have some work done with the client."""
        return asyncio.run_coroutine_threadsafe(self._do(work), self._loop)

    async def _do(self, work: Callable[[Client], Awaitable[T]]) -> T:
        if self._client is None or (self._client.done() and self._client.exception() is not None):
            self._client = asyncio.ensure_future(self._connect())
        return await work(await asyncio.shield(self._client))

    def close(self) -> None:
        """Close the connection and end the thread. Harmless when repeated."""
        if not self._loop.is_closed() and self.is_of_this_process:
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await asyncio.wait([client])
            if client.exception() is None:
                await client.result().close()


_lock = threading.Lock()
_options: dict[str, Any] = {}
_background: BackgroundClient | None = None


def configure(address: str | None = None, **options: Any) -> None:
    """Say where tasks of this process go when their caller has no client. By default PERDURE_ADDRESS and
    PERDURE_NAMESPACE, else the address of `perdure dev`.

    Args:
        address: As `Client.connect` takes it.
        options: Further arguments of `Client.connect`, such as `namespace` and `data_converter`.
    """
    global _background
    with _lock:
        _options.clear()
        _options.update(options, target_host=address)
        before, _background = _background, None
    if before is not None:
        before.close()


async def _connect() -> Client:
    return await Client.connect(**_options)


def background() -> BackgroundClient:
    """The client of this process."""
    global _background
    with _lock:
        if _background is None or not _background.is_of_this_process:
            _background = BackgroundClient(_connect)
        return _background
