"""An event loop on virtual time: when nothing is ready, the clock jumps to the next timer. Nothing ever waits."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any


class Deadlock(Exception):
    """Every task waits for another one: no timer will ever wake anybody."""


class _JumpingSelector(selectors.SelectSelector):
    """Selects nothing, and lets the time pass that it was to wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Deadlock("every task waits, and no timer is set")
        if timeout > 0:
            self.now_s += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs as fast as the machine allows, in an order that depends on nothing but the program."""

    def __init__(self) -> None:
        self._clock = _JumpingSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now_s
