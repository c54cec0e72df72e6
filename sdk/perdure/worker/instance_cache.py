"""The workflow instances that a worker keeps in memory between their tasks, the least recently used going first."""

from __future__ import annotations

from collections.abc import Callable

from perdure.execution.instance import WorkflowInstance


def _close(instance: WorkflowInstance) -> None:
    instance.close()


class InstanceCache:
    """By run id. An instance that leaves is closed, by `close`, and `on_close` is told which run it was."""

    __slots__ = ("_close", "_instances", "_limit", "on_close")

    def __init__(self, limit: int, close: Callable[[WorkflowInstance], None] = _close) -> None:
        self._limit = limit
        self._close = close
        self.on_close: Callable[[str], None] | None = None
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
            self._leave(run_id, before)
        instances[run_id] = instance
        if len(instances) > self._limit:
            oldest = next(iter(instances))
            self._leave(oldest, instances.pop(oldest))

    def take(self, run_id: str) -> None:
        """Somebody else holds the instance from now on; it is not closed."""
        self._instances.pop(run_id, None)

    def evict(self, run_id: str) -> None:
        instance = self._instances.pop(run_id, None)
        if instance is not None:
            self._leave(run_id, instance)

    def clear(self) -> None:
        while self._instances:
            self._leave(*self._instances.popitem())

    def _leave(self, run_id: str, instance: WorkflowInstance) -> None:
        if self.on_close is not None:
            self.on_close(run_id)
        self._close(instance)
