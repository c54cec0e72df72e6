"""Tasks by their names."""

from __future__ import annotations

import pytest

from perdure.compat.celery import current
from perdure.compat.celery.exceptions import NotRegistered
from perdure.compat.celery.registry import TaskRegistry
from perdure.compat.celery.task import Task


class Own(Task):
    name = "own"


class Shared(Task):
    name = "shared"


def test_own_tasks_and_shared_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    own, shared = Own(), Shared()
    monkeypatch.setattr(current, "shared_tasks", {"shared": shared})
    tasks = TaskRegistry()
    tasks.register(own)
    assert (tasks["own"], tasks["shared"]) == (own, shared)
    assert (set(tasks), len(tasks)) == ({"own", "shared"}, 2)
    tasks.unregister(own)
    for look in (tasks.__getitem__, tasks.unregister):
        with pytest.raises(NotRegistered, match="own"):
            look("own")
    tasks["shared"] = own
    assert tasks["shared"] is own, "an application's own task comes before a shared one"
    del tasks["shared"]
    assert tasks["shared"] is shared
