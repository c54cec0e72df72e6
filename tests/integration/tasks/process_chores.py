"""Tasks whose processes matter."""

from __future__ import annotations

import os
from pathlib import Path

from perdure import task
from tests.waiting import wait_until_blocking


@task(queue="processes")
def process_of(number: int) -> tuple[int, int]:
    """Which process ran it."""
    return number, os.getpid()


@task(queue="processes")
def linger(path: str) -> str:
    """Ends when a file says that it may, whatever anybody else wants."""
    Path(f"{path}.begun").touch()
    wait_until_blocking(lambda: Path(f"{path}.go").exists(), what="the file", timeout_seconds=120)
    return path
