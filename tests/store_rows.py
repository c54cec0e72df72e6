"""Rows for tests of the store, and an owner of shards that keeps count of its commits."""

from __future__ import annotations

import uuid
from typing import Any

from perdure_store.port import (
    CommitBatch,
    ExecutionClose,
    ExecutionRow,
    HistoryRow,
    ShardAdvance,
    ShardRow,
    Store,
    TimerRow,
    TransferRow,
    VisibilityRow,
)

_SPACE = uuid.UUID("8f1d6a0e-3a8f-5d0b-b0a9-3f6f1f0c7d21")

OPEN, COMPLETED, FAILED = 1, 2, 3
WORKFLOW_TASK, ACTIVITY_TASK = 1, 2


def run_id(name: str) -> str:
    """The run id that a test means by a name."""
    return str(uuid.uuid5(_SPACE, name))


def execution(name: str = "a", *, shard_id: int = 0, workflow_id: str = "order-1", **fields: Any) -> ExecutionRow:
    row = ExecutionRow(shard_id, run_id(name), "default", workflow_id, "Order", "main", OPEN, 1_000)
    return row._replace(**fields)


def close(name: str = "a", *, shard_id: int = 0, close_time_us: int = 2_000, status: int = COMPLETED) -> ExecutionClose:
    return ExecutionClose(shard_id, run_id(name), status, close_time_us, 11, 700)


def history(name: str = "a", batch_no: int = 1, *, shard_id: int = 0, data: bytes = b"events") -> HistoryRow:
    return HistoryRow(shard_id, run_id(name), batch_no, batch_no * 10, data)


def task(
    name: str = "a", event_id: int = 2, *, kind: int = WORKFLOW_TASK, shard_id: int = 0, **fields: Any
) -> TransferRow:
    row = TransferRow(shard_id, run_id(name), kind, event_id, 1, event_id, "default", "main", 3, False, 1_000, b"task")
    return row._replace(**fields)


def timer(name: str = "a", fire_at_us: int = 5_000, event_id: int = 4, *, shard_id: int = 0, kind: int = 1) -> TimerRow:
    return TimerRow(shard_id, fire_at_us, run_id(name), kind, event_id, 1)


def visible(name: str = "a", *, start_time_us: int = 1_000, version: int = 1, **fields: Any) -> VisibilityRow:
    row = VisibilityRow(
        "default", run_id(name), "order-1", "Order", "main", OPEN, start_time_us, start_time_us, 0, 0, 0, b"", "{}", "",
        "", "order-1", run_id(name), version,
    )  # fmt: skip
    return row._replace(**fields)


class Owner:
    """Owns shards, and commits to them with the right fence."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.shards: dict[int, ShardRow] = {}

    @classmethod
    async def of(cls, store: Store, *shard_ids: int, name: str = "engine-1") -> Owner:
        owner = cls(store)
        for shard_id in shard_ids or (0,):
            owner.shards[shard_id] = await store.acquire_shard(shard_id, name)
        return owner

    def batch(self, **rows: Any) -> CommitBatch:
        """A batch over all owned shards; keywords are fields of `CommitBatch`."""
        advances = [
            ShardAdvance(row.shard_id, row.range_id, row.commit_seq, "epoch-1", f"{row.commit_seq + 1}-0",
                         row.next_task_id + 1, row.time_us + 1)
            for row in self.shards.values()
        ]  # fmt: skip
        return CommitBatch(shards=advances, **rows)

    async def commit(self, **rows: Any) -> CommitBatch:
        batch = self.batch(**rows)
        await self.store.commit(batch)
        self.committed(batch)
        return batch

    def committed(self, batch: CommitBatch) -> None:
        for advance in batch.shards:
            self.shards[advance.shard_id] = self.shards[advance.shard_id]._replace(
                commit_seq=advance.commit_seq + 1,
                inbox_epoch=advance.inbox_epoch,
                inbox_cursor=advance.inbox_cursor,
                next_task_id=advance.next_task_id,
                time_us=advance.time_us,
            )
