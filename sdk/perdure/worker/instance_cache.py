"""The workflow instances that a worker keeps in memory between their tasks, the least recently used going first."""

from __future__ import annotations

from perdure.execution.instance import WorkflowInstance


class InstanceCache:
    """By run id. An instance that leaves is closed."""

    __slots__ = ("_instances", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
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
            before.close()
        instances[run_id] = instance
        if len(instances) > self._limit:
            instances.pop(next(iter(instances))).close()

    def evict(self, run_id: str) -> None:
        instance = self._instances.pop(run_id, None)
        if instance is not None:
            instance.close()

    def clear(self) -> None:
        while self._instances:
            self._instances.popitem()[1].close()
