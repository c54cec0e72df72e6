"""What the engine takes from the world: time, randomness and tasks. Injected, so that a simulation can hold them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine
from typing import Any, Protocol


class Environment(Protocol):
    random: random.Random

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""

    def monotonic(self) -> float:
        """Seconds on a clock that is never set."""

    def spawn(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]: ...

    async def sleep(self, seconds: float) -> None: ...


class RealEnvironment:
    """The machine's clocks and asyncio's tasks."""

    def __init__(self) -> None:
        self.random = random.Random()

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()

    def spawn(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        return asyncio.get_running_loop().create_task(coroutine, name=name)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
