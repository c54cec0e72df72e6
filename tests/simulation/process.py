"""One simulated process: an `Environment` whose tasks can be killed at any await, or stopped and woken.

Rules: whatever a process does outside of its memory passes `gate`, so that a dead process never touches anything again
and a stopped one goes on exactly where it was.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

EPOCH_US = 1_800_000_000_000_000
"""What the clocks show when a simulation begins."""


class Process:
    """Args:
    skew_us: how far this machine's clock is off.
    failed: told of tasks that ended by an exception nobody took.
    """

    def __init__(
        self, name: str, generator: random.Random, *, skew_us: int = 0, failed: Callable[[str, BaseException], None]
    ) -> None:
        self.name = name
        self.random = generator
        self.is_alive = True
        self._skew_us = skew_us
        self._failed = failed
        self._awake = asyncio.Event()
        self._awake.set()
        self._tasks: dict[asyncio.Task[Any], str] = {}

    # Environment ---------------------------------------------------------------------------------------------------
    def now_us(self) -> int:
        return EPOCH_US + self._skew_us + int(self.monotonic() * 1_000_000)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def spawn(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(coroutine, name=f"{self.name}/{name}")
        self._tasks[task] = name
        task.add_done_callback(self._ended)
        return task

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.gate()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        name = self._tasks.pop(task)
        if self.is_alive and not task.cancelled() and (error := task.exception()) is not None:
            self._failed(f"{self.name}/{name}", error)

    # Faults --------------------------------------------------------------------------------------------------------
    @property
    def is_awake(self) -> bool:
        return self._awake.is_set()

    async def gate(self) -> None:
        """Go on only while alive and awake."""
        await self._awake.wait()
        if not self.is_alive:
            await asyncio.get_running_loop().create_future()

    def stop(self) -> None:
        """SIGSTOP."""
        self._awake.clear()

    def wake(self) -> None:
        """SIGCONT."""
        self._awake.set()

    def kill(self) -> None:
        """SIGKILL."""
        self.is_alive = False
        self._awake.set()
        for task in list(self._tasks):
            task.cancel()
