"""Who holds the event loop for how long."""

from __future__ import annotations

import asyncio


class Turns:
    """Counts what is done between two turns that others have of the event loop.

    Attributes:
        sizes: so many notes in each turn.
    """

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self._is_over = True

    def note(self) -> None:
        if self._is_over:
            self._is_over = False
            self.sizes.append(0)
            asyncio.get_running_loop().call_soon(self._end)
        self.sizes[-1] += 1

    def _end(self) -> None:
        self._is_over = True
