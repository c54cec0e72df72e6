"""A gate at which the activities of many processes wait until a test opens it: a file that appears."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from tests.waiting import wait_until

ENVIRONMENT = "PERDURE_TEST_GATE"
LOOK_SECONDS = 0.1
CLOSED_SECONDS = 600
"""No test keeps it closed for longer."""

_opened: asyncio.Task[bool] | None = None


class Gate:
    """The test's side."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def environment(self) -> dict[str, str]:
        """What tells a worker process where the gate is."""
        return {ENVIRONMENT: str(self._path)}

    def open(self) -> None:
        self._path.touch()


async def pass_gate() -> None:
    """Wait until the gate is open. One look at the file serves all who wait in this process."""
    global _opened
    if _opened is None:
        _opened = asyncio.ensure_future(_look(Path(os.environ[ENVIRONMENT])))
    await asyncio.shield(_opened)


async def _look(path: Path) -> bool:
    async def is_open() -> bool:
        return path.exists()

    return await wait_until(is_open, what="an open gate", timeout_seconds=CLOSED_SECONDS, every_seconds=LOOK_SECONDS)
