"""One owned shard: how far it has come."""

from __future__ import annotations

from perdure_engine.history.timers import TimerQueue
from perdure_store.port import ShardAdvance, ShardRow, TimerKey

START_CURSOR = b"0-0"


class Shard:
    """A shard that this engine owns at `range_id`.

    `commit_seq`, `cursor`, `next_task_id` and `time_us` are as decided; what is durable stands in the store, and
    `rewind` goes back to it. `read_from` is where the inbox is read: from its start after a takeover, because entries
    whose effects are durable may have been left behind (`is_done` tells them).

    `has_lost_streams`: nothing was committed yet since the broker's data became another.
    `poisoned`: requests, by entry and index, that cannot be carried out, with the reason; `poisoned_timers` likewise.
    `split`: entries that must be taken apart because one of their requests cannot be committed.
    """

    __slots__ = (
        "commit_seq",
        "cursor",
        "epoch",
        "has_lost_streams",
        "next_task_id",
        "poisoned",
        "poisoned_timers",
        "range_id",
        "read_from",
        "shard_id",
        "split",
        "time_us",
        "timers",
    )

    def __init__(self, row: ShardRow, epoch: str) -> None:
        self.shard_id = row.shard_id
        self.epoch = epoch
        self.timers = TimerQueue(row.shard_id)
        self.poisoned: dict[tuple[bytes, int], str] = {}
        self.poisoned_timers: dict[TimerKey, str] = {}
        self.split: dict[bytes, int] = {}
        self.rewind(row, epoch)

    def rewind(self, row: ShardRow, epoch: str) -> None:
        """Back to what is durable. In another epoch of the broker the inbox is read from its start, and the id of a
        request that could not be carried out may be that of another one."""
        self.range_id = row.range_id
        self.commit_seq = row.commit_seq
        if epoch != self.epoch:
            self.poisoned.clear()
            self.split.clear()
        self.epoch = epoch
        self.has_lost_streams = row.inbox_epoch not in ("", epoch)
        self.cursor = row.inbox_cursor.encode() if row.inbox_epoch == epoch else START_CURSOR
        self.read_from = START_CURSOR
        self.next_task_id = row.next_task_id
        self.time_us = row.time_us
        self.timers.reset()

    def is_done(self, entry_id: bytes) -> bool:
        """True if the effects of this inbox entry are decided already."""
        return _order(entry_id) <= _order(self.cursor)

    def tick(self, clock_us: int) -> int:
        """The shard's time for a batch: the clock's, but never back."""
        if clock_us > self.time_us:
            self.time_us = clock_us
        return self.time_us

    def take_task_id(self) -> int:
        task_id = self.next_task_id
        self.next_task_id = task_id + 1
        return task_id

    def advance(self) -> ShardAdvance:
        """The shard's part of a batch, and the step past it."""
        row = ShardAdvance(
            self.shard_id,
            self.range_id,
            self.commit_seq,
            self.epoch,
            self.cursor.decode(),
            self.next_task_id,
            self.time_us,
        )
        self.commit_seq += 1
        return row


def _order(entry_id: bytes) -> tuple[int, int]:
    time_ms, _, sequence = entry_id.partition(b"-")
    return int(time_ms), int(sequence or b"0")
