"""The part of the port that is about activities without a workflow: the rows of those that wait, or are more than the
entry of their task tells, or are closed. A batch writes them (`CommitBatch.activities`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from perdure_store.rows import ActivityKey, LoadedActivity


class Activities(Protocol):
    async def load_activities(self, keys: Sequence[ActivityKey]) -> list[LoadedActivity]:
        """For each key what exists: in one round trip, but where a request is sought behind another one's execution."""

    async def delete_expired_activities(
        self, shard_id: int, range_id: int, namespace: str, *, closed_before_us: int, now_us: int, limit: int
    ) -> int:
        """Forget up to `limit` closed executions of a namespace that closed before a time, the longest closed first, if
        the shard is owned at `range_id`; but not those that have a time of their own (`expires_us` above 0), or are to
        be kept beyond `now_us` (below 0, that time negated). Returns how many went."""

    async def delete_overdue_activities(self, shard_id: int, range_id: int, *, now_us: int, limit: int) -> int:
        """Forget up to `limit` closed executions whose own time is over, if the shard is owned at `range_id`. Returns
        how many went."""

    async def activity_namespaces(self, shard_id: int) -> list[str]:
        """The namespaces that have closed executions on a shard."""
