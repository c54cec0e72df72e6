"""The tasks of an application, by their names."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from perdure.compat.celery import current
from perdure.compat.celery.exceptions import NotRegistered
from perdure.compat.celery.task import Task as TaskBase


class TaskRegistry(MutableMapping[str, TaskBase]):
    """The tasks of an application by their names: its own, and the shared ones."""

    def __init__(self) -> None:
        self._own: dict[str, TaskBase] = {}

    def __getitem__(self, name: str) -> TaskBase:
        found = self._own.get(name) or current.shared_tasks.get(name)
        if found is None:
            raise NotRegistered(name)
        return found

    def __setitem__(self, name: str, task: TaskBase) -> None:
        self._own[name] = task

    def __delitem__(self, name: str) -> None:
        del self._own[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**current.shared_tasks, **self._own})

    def __len__(self) -> int:
        return len({**current.shared_tasks, **self._own})

    def register(self, task: TaskBase) -> None:
        self[task.name] = task

    def unregister(self, name: Any) -> None:
        self.pop(getattr(name, "name", name))
