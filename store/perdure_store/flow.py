"""The part of the port that is about flow control: the settings of task queues, and their backlog by fairness key.

Role: what a queue's dispatcher reads where tasks have keys or their queue has limits. Nothing here is on the hot path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from perdure_store.rows import TransferRow

Cursors = Mapping[int, int]
"""Shard to the task id of its last row that was taken; a shard that is missing was never read."""


class QueueSettingsRow(NamedTuple):
    """What was set for a task queue. Key: the first three fields. `revision` rises with each change; `data` is the
    engine's own."""

    namespace: str
    task_queue: str
    kind: int
    revision: int
    data: bytes


class BacklogDepth(NamedTuple):
    """How many tasks of a queue and kind are backlog, and when the oldest of them became outstanding."""

    task_queue: str
    kind: int
    total: int
    oldest_us: int


class Flow(Protocol):
    async def queue_settings(self) -> list[QueueSettingsRow]:
        """Of all namespaces, by key."""

    async def insert_queue_settings(self, row: QueueSettingsRow) -> bool:
        """False: there is one of this key already."""

    async def update_queue_settings(self, row: QueueSettingsRow) -> bool:
        """Replace the row whose revision is one below; False: it has another, or is gone."""

    async def has_backlog_keys(self, namespace: str, task_queue: str, kind: int, priorities: Sequence[int]) -> bool:
        """Whether any backlog row of these priorities has a fairness key."""

    async def backlog_keys(
        self, namespace: str, task_queue: str, kind: int, *, after: tuple[int, str], limit: int
    ) -> list[tuple[int, str]]:
        """Pairs of priority and fairness key (empty for none) that have backlog, in order, behind `after`."""

    async def keyed_backlog(
        self, namespace: str, task_queue: str, kind: int, priority: int, keys: Mapping[str, Cursors], *, limit: int
    ) -> list[TransferRow]:
        """Backlog rows of one priority and these keys, by key: at most `limit` of each, behind its cursors, shards in
        turn, each shard's in order of task id."""

    async def backlog_depths(self, namespace: str, task_queue: str = "") -> list[BacklogDepth]:
        """Of one queue, or of all that have a backlog, in order."""
