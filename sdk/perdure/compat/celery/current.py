"""The application that is meant where none is named, the task that runs here, and the tasks of all applications."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from perdure.compat.celery.context import running

if TYPE_CHECKING:
    from perdure.compat.celery.app import Celery
    from perdure.compat.celery.task import Task

_lock = threading.RLock()
_current: Celery | None = None
_apps: weakref.WeakSet[Celery] = weakref.WeakSet()

shared_tasks: dict[str, Task] = {}
"""Made by `@shared_task`: every application has them."""


class Proxy:
    """Stands for an object that is looked up each time."""

    __slots__ = ("_look_up",)

    def __init__(self, look_up: Callable[[], Any]) -> None:
        object.__setattr__(self, "_look_up", look_up)

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "_look_up")(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(object.__getattribute__(self, "_look_up")(), name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return object.__getattribute__(self, "_look_up")()(*args, **kwargs)

    def __bool__(self) -> bool:
        return bool(object.__getattribute__(self, "_look_up")())

    def __eq__(self, other: object) -> bool:
        return bool(object.__getattribute__(self, "_look_up")() == other)

    def __hash__(self) -> int:
        return hash(object.__getattribute__(self, "_look_up")())

    def __repr__(self) -> str:
        return repr(object.__getattribute__(self, "_look_up")())


def note_app(app: Celery, *, is_current: bool) -> None:
    """An application was made."""
    with _lock:
        _apps.add(app)
        if is_current:
            set_current_app(app)


def set_current_app(app: Celery) -> None:
    """It is meant where none is named."""
    global _current
    with _lock:
        _current = app


def get_current_app() -> Celery:
    """The application that is meant; a first one is made if there is none."""
    with _lock:
        if _current is None:
            from perdure.compat.celery.app import Celery

            Celery("default")
        assert _current is not None
        return _current


def get_current_task() -> Task | None:
    """The task that runs here; None outside of one."""
    stack = running.get()
    return stack[-1][0] if stack else None


current_app: Any = Proxy(get_current_app)
current_task: Any = Proxy(get_current_task)
