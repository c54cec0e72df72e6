"""Open activities without a workflow in memory: those that are handed out, bounded in number.

Rules: what waits for a timer, for room in its task queue, or is closed leaves memory as soon as it is durable: a
million waiting tasks cost an engine nothing, and are loaded when something is said about them. What a batch that is not
yet durable touches stays. Nothing leaves but by `sweep`, before a batch looks up what it needs: what it found in memory
stays there until it is decided.
"""

from __future__ import annotations

from perdure_engine.core.deadline import is_waiting
from perdure_engine.core.standalone.execution import ActivityExecution

EXECUTIONS_MAX = 50_000
"""Executions that are handed out; of more, those longest in memory are loaded again when they end (about 2 KB each)."""


BEFORE_MAX = 4
"""Executions of one id that may follow each other while what a batch asked the store for is under way."""


class CachedActivity:
    """`pins`: batches that are not yet durable and touch it. `is_placed`: its task stands in a stream, not in the
    backlog. `must_write`: its row is to be written by the batch in the making. `before`: closed executions of the same
    id in whose place this one came, the last one first: the store may not know of their ends when it is asked."""

    __slots__ = ("before", "execution", "is_placed", "must_write", "pins")

    def __init__(self, execution: ActivityExecution, follows: CachedActivity | None = None) -> None:
        self.execution = execution
        self.before: tuple[ActivityExecution, ...] = ()
        if follows is not None:
            self.before = (follows.execution, *follows.before)[:BEFORE_MAX]
        self.pins = 0
        self.is_placed = True
        self.must_write = False


class ActivityCache:
    """The last execution of each activity id, by what stands for its run id."""

    def __init__(self, executions_max: int = EXECUTIONS_MAX) -> None:
        self._entries: dict[str, CachedActivity] = {}
        self._executions_max = executions_max
        self._idle: list[CachedActivity] = []

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, run_id: str) -> CachedActivity | None:
        return self._entries.get(run_id)

    def put(self, entry: CachedActivity) -> None:
        self._entries[entry.execution.run_id] = entry

    def release(self, entry: CachedActivity, now_us: int) -> None:
        """A batch that touched the execution is durable."""
        entry.pins -= 1
        execution = entry.execution
        if not entry.pins and (execution.outcome is not None or not entry.is_placed or is_waiting(execution, now_us)):
            self._idle.append(entry)

    def refused(self, run_id: str) -> None:
        """The stream of its task queue had no room for a task that was published."""
        entry = self._entries.get(run_id)
        if entry is not None:
            entry.is_placed = False
            self._idle.append(entry)

    def sweep(self) -> None:
        """Forget what is of no use any more, then those longest in memory until the bound holds."""
        if self._idle:
            idle, self._idle = self._idle, []
            for entry in idle:
                run_id = entry.execution.run_id
                if not entry.pins and self._entries.get(run_id) is entry:
                    del self._entries[run_id]
        excess = len(self._entries) - self._executions_max
        if excess <= 0:
            return
        for run_id in [run_id for run_id, entry in self._entries.items() if not entry.pins][:excess]:
            del self._entries[run_id]

    def drop_shards(self, shard_ids: frozenset[int]) -> None:
        """Forget every execution of these shards: what is in memory is not what is stored."""
        gone = [run_id for run_id, entry in self._entries.items() if entry.execution.shard_id in shard_ids]
        for run_id in gone:
            del self._entries[run_id]
