"""`workflow.unsafe`: what only special workflow code needs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import Flag, auto

from perdure.workflow.runtime import current


class SandboxImportNotificationPolicy(Flag):
    """What a sandbox would say to imports. There is none, so that it has no effect."""

    SILENT = auto()
    WARN_ON_DYNAMIC_IMPORT = auto()
    WARN_ON_UNINTENTIONAL_PASSTHROUGH = auto()
    RAISE_ON_UNINTENTIONAL_PASSTHROUGH = auto()


class _Permission(threading.local):
    depth = 0
    import_policy: SandboxImportNotificationPolicy | None = None


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


@contextmanager
def _import_policy(policy: SandboxImportNotificationPolicy) -> Iterator[None]:
    before, _permission.import_policy = _permission.import_policy, policy
    try:
        yield
    finally:
        _permission.import_policy = before


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
        """Let the code in this block do I/O, and have the real time and chance. What it makes of them must be the same
        on every replay."""
        return _permitted()

    @staticmethod
    def is_imports_passed_through() -> bool:
        """Whether this code is in `imports_passed_through`."""
        return is_io_permitted()

    @staticmethod
    def imports_passed_through() -> AbstractContextManager[None]:
        """Accepted for programs written for `temporalio`: imports are never repeated here."""
        return _permitted()

    @staticmethod
    def sandbox_import_notification_policy(policy: SandboxImportNotificationPolicy) -> AbstractContextManager[None]:
        """Accepted for programs written for `temporalio`: nobody is notified of imports."""
        return _import_policy(policy)

    @staticmethod
    def current_import_notification_policy_override() -> SandboxImportNotificationPolicy | None:
        """What `sandbox_import_notification_policy` was last given, in the block that it begins."""
        return _permission.import_policy
