"""A flag that both threads and tasks can wait for."""

from __future__ import annotations

import asyncio
import threading


class SharedFlag:
    """Set once, on the event loop's thread. Costs nothing until somebody waits."""

    __slots__ = ("_event", "_future", "_is_set")

    _lock_of_all = threading.Lock()

    def __init__(self) -> None:
        self._is_set = False
        self._event: threading.Event | None = None
        self._future: asyncio.Event | None = None

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        with self._lock_of_all:
            self._is_set = True
            event = self._event
        if event is not None:
            event.set()
        if self._future is not None:
            self._future.set()

    async def wait(self) -> None:
        """Wait on the event loop."""
        if self._is_set:
            return
        if self._future is None:
            self._future = asyncio.Event()
        await self._future.wait()

    def wait_sync(self, timeout: float | None = None) -> bool:
        """Wait in a thread. False if `timeout` seconds passed first."""
        with self._lock_of_all:
            if self._is_set:
                return True
            if self._event is None:
                self._event = threading.Event()
        return self._event.wait(timeout)
