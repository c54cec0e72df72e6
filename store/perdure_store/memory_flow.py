"""Settings of task queues, and their backlog by fairness key, of the in-memory store (see `Flow`)."""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice

from perdure_store.flow import BacklogDepth, Cursors, QueueSettingsRow
from perdure_store.memory_tables import MemoryDatabase
from perdure_store.rows import TransferRow


class MemoryFlow:
    @abstractmethod
    async def _called(self, method: str) -> MemoryDatabase: ...

    async def queue_settings(self) -> list[QueueSettingsRow]:
        return [row for _, row in sorted((await self._called("queue_settings")).queue_settings.items())]

    async def insert_queue_settings(self, row: QueueSettingsRow) -> bool:
        database = await self._called("insert_queue_settings")
        return database.queue_settings.setdefault(row[:3], row) is row

    async def update_queue_settings(self, row: QueueSettingsRow) -> bool:
        database = await self._called("update_queue_settings")
        known = database.queue_settings.get(row[:3])
        if known is None or known.revision != row.revision - 1:
            return False
        database.queue_settings[row[:3]] = row
        return True

    async def has_backlog_keys(self, namespace: str, task_queue: str, kind: int, priorities: Sequence[int]) -> bool:
        database = await self._called("has_backlog_keys")
        waiting = _waiting(database, namespace, task_queue, kind)
        return any(row.fairness_key and row.priority in priorities for row in waiting)

    async def backlog_keys(
        self, namespace: str, task_queue: str, kind: int, *, after: tuple[int, str], limit: int
    ) -> list[tuple[int, str]]:
        database = await self._called("backlog_keys")
        pairs = {(row.priority, row.fairness_key): 1 for row in _waiting(database, namespace, task_queue, kind)}
        return [pair for pair in sorted(pairs) if pair > after][:limit]

    async def keyed_backlog(
        self, namespace: str, task_queue: str, kind: int, priority: int, keys: Mapping[str, Cursors], *, limit: int
    ) -> list[TransferRow]:
        database = await self._called("keyed_backlog")
        shards: dict[tuple[str, int], list[TransferRow]] = defaultdict(list)
        for row in _waiting(database, namespace, task_queue, kind):
            cursors = keys.get(row.fairness_key)
            if row.priority == priority and cursors is not None and row.task_id > cursors.get(row.shard_id, 0):
                shards[row.fairness_key, row.shard_id].append(row)
        turns: dict[str, list[tuple[int, int, TransferRow]]] = defaultdict(list)
        for (key, shard_id), rows in shards.items():
            rows.sort(key=lambda row: row.task_id)
            turns[key] += [(turn, shard_id, row) for turn, row in enumerate(rows)]
        return [row for key in sorted(turns) for _, _, row in islice(sorted(turns[key]), limit)]

    async def backlog_depths(self, namespace: str, task_queue: str = "") -> list[BacklogDepth]:
        database = await self._called("backlog_depths")
        created: dict[tuple[str, int], list[int]] = defaultdict(list)
        for rows in database.transfer.values():
            for row in rows.values():
                if row.backlog and row.namespace == namespace and task_queue in ("", row.task_queue):
                    created[row.task_queue, row.kind].append(row.created_us)
        return [BacklogDepth(*queue, len(times), min(times)) for queue, times in sorted(created.items())]


def _waiting(database: MemoryDatabase, namespace: str, task_queue: str, kind: int) -> list[TransferRow]:
    queue = (namespace, task_queue, kind)
    return [
        row
        for rows in database.transfer.values()
        for row in rows.values()
        if row.backlog and (row.namespace, row.task_queue, row.kind) == queue
    ]
