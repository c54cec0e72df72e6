"""The workflow instances that a worker keeps in memory between their tasks, the least recently used going first."""

from __future__ import annotations

from collections.abc import Callable

from perdure.execution.instance import WorkflowInstance


def _close(instance: WorkflowInstance) -> None:
    instance.close()


class InstanceCache:
    """By run id. An instance that leaves is closed, by `close`."""

    __slots__ = ("_close", "_instances", "_limit")

    def __init__(self, limit: int, close: Callable[[WorkflowInstance], None] = _close) -> None:
        self._limit = limit
        self._close = close
        self._instances: dict[str, WorkflowInstance] = {}

    def __len__(self) -> int:
        return len(self._instances)

    @property
    def is_enabled(self) -> bool:
        return self._limit > 0

    def get(self, run_id: str) -> WorkflowInstance | None:
        return self._instances.get(run_id)

    def keep(self, run_id: str, instance: WorkflowInstance) -> None:
        """Keep an instance as the most recently used one; what was kept for the run, and what is too much, goes."""
        instances = self._instances
        before = instances.pop(run_id, None)
        if before is not None and before is not instance:
            self._close(before)
        instances[run_id] = instance
        if len(instances) > self._limit:
            self._close(instances.pop(next(iter(instances))))

    def evict(self, run_id: str) -> None:
        instance = self._instances.pop(run_id, None)
        if instance is not None:
            self._close(instance)

    def clear(self) -> None:
        while self._instances:
            self._close(self._instances.popitem()[1])
