"""The workflow instances that a worker keeps in memory between their tasks, the least recently used going first.

They are bounded in number, and in the bytes of their histories: about what a workflow knows, since all of it came from
there.

What a local activity runs for must not go: an instance whose task was extended is pinned, above the limit, until its
next task is done or somebody says that it has waited for long enough.
"""

from __future__ import annotations

from collections.abc import Callable

from perdure.execution.instance import WorkflowInstance

HISTORIES_BYTES_MAX = 256 * 1024 * 1024


def _close(instance: WorkflowInstance) -> None:
    instance.close()


class InstanceCache:
    """By run id. An instance that leaves is closed, by `close`, and `on_close` is told which run it was."""

    __slots__ = ("_bytes", "_bytes_max", "_close", "_instances", "_limit", "_pinned", "_pins", "_sizes", "on_close")

    def __init__(
        self,
        limit: int,
        close: Callable[[WorkflowInstance], None] = _close,
        *,
        bytes_max: int = HISTORIES_BYTES_MAX,
    ) -> None:
        self._limit = limit
        self._bytes_max = bytes_max
        self._bytes = 0
        self._sizes: dict[str, int] = {}
        self._close = close
        self.on_close: Callable[[str], None] | None = None
        self._instances: dict[str, WorkflowInstance] = {}
        self._pinned: dict[str, tuple[WorkflowInstance, int]] = {}
        self._pins = 0

    def __len__(self) -> int:
        return len(self._instances) + len(self._pinned)

    @property
    def is_enabled(self) -> bool:
        return self._limit > 0

    def get(self, run_id: str) -> WorkflowInstance | None:
        found = self._instances.get(run_id)
        if found is None and self._pinned and (pinned := self._pinned.get(run_id)) is not None:
            return pinned[0]
        return found

    def keep(self, run_id: str, instance: WorkflowInstance) -> None:
        """Keep an instance as the most recently used one; what was kept for the run, and what is too much, goes. The
        last one stays, however large."""
        instances = self._instances
        self._replace(run_id, instance)
        instances[run_id] = instance
        self._sizes[run_id] = size = instance.history_size
        self._bytes += size
        while len(instances) > self._limit or (self._bytes > self._bytes_max and len(instances) > 1):
            self.evict(next(iter(instances)))

    def pin(self, run_id: str, instance: WorkflowInstance) -> int:
        """Keep an instance whatever the limit. Returns what unpins it."""
        self._replace(run_id, instance)
        self._pins += 1
        self._pinned[run_id] = instance, self._pins
        return self._pins

    def unpin(self, run_id: str, pin: int) -> None:
        """The instance is like others from now on, if this was the last that was pinned of its run."""
        found = self._pinned.get(run_id)
        if found is not None and found[1] == pin:
            self.keep(run_id, found[0])

    def take(self, run_id: str) -> None:
        """Somebody else holds the instance from now on; it is not closed."""
        self._pop(run_id)

    def evict(self, run_id: str) -> None:
        instance = self._pop(run_id)
        if instance is not None:
            self._leave(run_id, instance)

    def clear(self) -> None:
        for run_id in [*self._instances, *self._pinned]:
            self.evict(run_id)

    def _replace(self, run_id: str, instance: WorkflowInstance) -> None:
        before = self._pop(run_id)
        if before is not None and before is not instance:
            self._leave(run_id, before)

    def _pop(self, run_id: str) -> WorkflowInstance | None:
        found = self._instances.pop(run_id, None)
        if found is not None:
            self._bytes -= self._sizes.pop(run_id)
        elif self._pinned and (pinned := self._pinned.pop(run_id, None)) is not None:
            return pinned[0]
        return found

    def _leave(self, run_id: str, instance: WorkflowInstance) -> None:
        if self.on_close is not None:
            self.on_close(run_id)
        self._close(instance)
