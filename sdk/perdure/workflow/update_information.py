"""What an update's handler may know about its update."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class UpdateInfo:
    """One update.

    Attributes:
        id: Its id: the caller's, unique within the run.
        name: Its name.
    """

    id: str
    name: str


current: ContextVar[UpdateInfo | None] = ContextVar("perdure_current_update", default=None)
"""The update in whose handler or validator the code runs; tasks that a handler starts inherit it."""


def current_update_info() -> UpdateInfo | None:
    """The update whose handler runs this code, directly or in a task that it started; None anywhere else."""
    return current.get()
