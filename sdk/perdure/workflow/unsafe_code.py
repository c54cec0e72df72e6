"""`workflow.unsafe`: what only special workflow code needs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from perdure.workflow.runtime import current


class _Permission(threading.local):
    depth = 0


_permission = _Permission()


def is_io_permitted() -> bool:
    """Whether the code that runs asked to be let out."""
    return _permission.depth > 0


@contextmanager
def _permitted() -> Iterator[None]:
    _permission.depth += 1
    try:
        yield
    finally:
        _permission.depth -= 1


class unsafe:
    """Not to be called during a workflow but in special cases."""

    def __init__(self) -> None:
        raise TypeError("workflow.unsafe is not to be instantiated")

    @staticmethod
    def is_replaying() -> bool:
        """Whether history is being replayed; workflow code must not decide by it."""
        return current().replaying

    @staticmethod
    def is_replaying_history_events() -> bool:
        """Whether history is being replayed, queries aside."""
        runtime = current()
        return runtime.replaying and not runtime.read_only

    @staticmethod
    def is_read_only() -> bool:
        """Whether a query handler runs."""
        return current().read_only

    @staticmethod
    def in_sandbox() -> bool:
        """False: there is no sandbox."""
        return False

    @staticmethod
    def is_sandbox_unrestricted() -> bool:
        """Whether this code asked to be let out."""
        return is_io_permitted()

    @staticmethod
    def sandbox_unrestricted() -> AbstractContextManager[None]:
        """Let the code in this block do I/O. What it reads must be the same on every replay."""
        return _permitted()

    @staticmethod
    def is_imports_passed_through() -> bool:
        """Whether this code is in `imports_passed_through`."""
        return is_io_permitted()

    @staticmethod
    def imports_passed_through() -> AbstractContextManager[None]:
        """Accepted for programs written for `temporalio`: imports are never repeated here."""
        return _permitted()
