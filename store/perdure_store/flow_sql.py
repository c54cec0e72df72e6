"""Settings of task queues, and their backlog by fairness key, in the database (see `Flow`).

Role: each method is one query.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perdure_store.columns import int8s, texts
from perdure_store.connection import Link
from perdure_store.flow import BacklogDepth, Cursors, QueueSettingsRow
from perdure_store.rows import TransferRow


class SqlFlow:
    """Args:
    link: the connection to use.
    """

    def __init__(self, link: Link) -> None:
        self._flow_link = link

    async def queue_settings(self) -> list[QueueSettingsRow]:
        return [QueueSettingsRow(*row) for row in await self._flow_link.fetch("queue_settings")]

    async def insert_queue_settings(self, row: QueueSettingsRow) -> bool:
        return await self._flow_link.execute("insert_queue_settings", row._asdict()) > 0

    async def update_queue_settings(self, row: QueueSettingsRow) -> bool:
        return await self._flow_link.execute("update_queue_settings", row._asdict()) > 0

    async def has_backlog_keys(self, namespace: str, task_queue: str, kind: int, priorities: Sequence[int]) -> bool:
        parameters = {
            "namespace": namespace,
            "task_queue": task_queue,
            "kind": kind,
            "priorities": int8s(priorities),
        }
        return bool(await self._flow_link.fetch("has_backlog_keys", parameters))

    async def backlog_keys(
        self, namespace: str, task_queue: str, kind: int, *, after: tuple[int, str], limit: int
    ) -> list[tuple[int, str]]:
        parameters = {
            "namespace": namespace,
            "task_queue": task_queue,
            "kind": kind,
            "after_priority": after[0],
            "after_key": after[1],
            "limit": limit,
        }
        return [(row[0], row[1]) for row in await self._flow_link.fetch("backlog_keys", parameters)]

    async def keyed_backlog(
        self, namespace: str, task_queue: str, kind: int, priority: int, keys: Mapping[str, Cursors], *, limit: int
    ) -> list[TransferRow]:
        places = [(key, shard_id, task_id) for key, cursors in keys.items() for shard_id, task_id in cursors.items()]
        parameters = {
            "namespace": namespace,
            "task_queue": task_queue,
            "kind": kind,
            "priority": priority,
            "limit": limit,
            "keys": texts(list(keys)),
            "cursor_keys": texts([key for key, _, _ in places]),
            "shard_ids": int8s([shard_id for _, shard_id, _ in places]),
            "task_ids": int8s([task_id for _, _, task_id in places]),
        }
        return [TransferRow(*row) for row in await self._flow_link.fetch("keyed_backlog", parameters)]

    async def backlog_depths(self, namespace: str, task_queue: str = "") -> list[BacklogDepth]:
        parameters = {"namespace": namespace, "task_queue": task_queue}
        return [BacklogDepth(*row) for row in await self._flow_link.fetch("backlog_depths", parameters)]
