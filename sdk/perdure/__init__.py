"""Perdure: durable workflows, and a task queue, for Python. `from perdure import activity, task, workflow`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perdure.tasks import task as task

__all__ = ["task"]


def __getattr__(name: str) -> Any:
    """`task` when somebody asks for it: importing a part of this package brings nothing but that part."""
    if name != "task":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from perdure.tasks import task

    return task
