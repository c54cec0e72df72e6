"""Committing: batches become durable, in order, one transaction each, while the next one is decided.

Each way in which a commit does not say yes ends in one of three: it was committed after all, it is sent again
unchanged, or `BatchLost`: the caller rewinds its shards, and those of what was decided after it, to what is durable.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from perdure_engine.environment import Environment
from perdure_engine.history.batch import Batch
from perdure_store.port import (
    BatchRejected,
    FenceLost,
    SerializationConflict,
    Store,
    StoreUnavailable,
    UnknownOutcome,
)

logger = logging.getLogger("perdure.engine.commit")

RETRY_MIN_S = 0.05
RETRY_MAX_S = 2.0

UNDER_WAY_MAX = 2
"""Batches that are being committed at once."""


class BatchLost(Exception):
    """A batch was not committed and will not be as it is. `rejected`: its rows were refused, not its ownership."""

    def __init__(self, batch: Batch, reason: str, *, rejected: bool) -> None:
        super().__init__(reason)
        self.batch = batch
        self.reason = reason
        self.rejected = rejected


class Committer:
    """Sends batches to the store in order; those that are durable go to `durable`, in the same order.

    Two may be under way at once: the later one reaches the database while the earlier one is being written, and its
    fence waits there for the earlier one's rows. Should the earlier one fail, the later one's fence does too, unless
    they have no shard in common: then it counts, although everything decided after it is thrown away.

    Args:
        failed: called when a batch is lost; `settle` tells which.
    """

    def __init__(
        self,
        store: Store,
        environment: Environment,
        durable: asyncio.Queue[Batch],
        *,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._environment = environment
        self._durable = durable
        self._failed = failed
        self._under_way: deque[asyncio.Task[None]] = deque()
        self._doubtful: dict[int, list[int]] = {}

    async def submit(self, batch: Batch) -> None:
        """Wait until there is room, then send this batch in the background.

        Raises:
            BatchLost: one before was lost; this one was not sent, and must not be.
        """
        while len(self._under_way) >= UNDER_WAY_MAX:
            await self._settle_first()
        before = self._under_way[-1] if self._under_way else None
        self._under_way.append(self._environment.spawn(self._commit(batch, before), name="commit"))

    @property
    def has_failed(self) -> bool:
        """True if a batch was lost and nobody was told yet."""
        return any(task.done() and task.exception() is not None for task in self._under_way)

    async def wait(self, timeout_s: float) -> None:
        """Return when nothing is being committed, or after `timeout_s`. What was lost is for `settle` to say."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=timeout_s)

    async def settle(self) -> None:
        """Wait until nothing is being committed.

        Raises:
            BatchLost: one was lost; the first is told, once.
        """
        while self._under_way:
            await self._settle_first()

    def take_doubtful(self) -> frozenset[int]:
        """Shards of lost batches that may still be on their way to the database, whose connection broke. Such a batch
        would pass the fence once another one has taken the step that it expected before it: acquire these shards anew
        before anything is committed on them."""
        doubtful, self._doubtful = self._doubtful, {}
        return frozenset(shard_id for shard_ids in doubtful.values() for shard_id in shard_ids)

    async def _settle_first(self) -> None:
        try:
            await asyncio.shield(self._under_way[0])
        except BatchLost:
            # What was sent after it is lost as well.
            await asyncio.wait(self._under_way)
            for task in self._under_way:
                task.exception()
            self._under_way.clear()
            raise
        self._under_way.popleft()

    async def _commit(self, batch: Batch, before: asyncio.Task[None] | None) -> None:
        try:
            await self._write(batch, before)
        except BatchLost:
            self._failed()
            raise
        for note in batch.noted:
            note()
        await self._durable.put(batch)

    async def _write(self, batch: Batch, before: asyncio.Task[None] | None) -> None:
        """Return once the batch is committed, and the one before is not under way any more."""
        delay_s = RETRY_MIN_S
        unknown = False
        while True:
            try:
                await self._store.commit(batch.commit)
                break
            except FenceLost as error:
                if before is not None:
                    await _wait_for(before, batch)
                    before = None
                    continue
                if unknown and await self._was_committed(batch):
                    break
                raise BatchLost(batch, str(error), rejected=False) from error
            except BatchRejected as error:
                raise BatchLost(batch, str(error), rejected=True) from error
            except SerializationConflict:
                delay_s = RETRY_MIN_S
            except UnknownOutcome as error:
                unknown = True
                self._doubtful[id(batch)] = [advance.shard_id for advance in batch.commit.shards]
                logger.warning("a commit's outcome is unknown, sending it again: %s", error)
            except StoreUnavailable as error:
                logger.warning("the store is unavailable, the batch waits: %s", error)
            await self._environment.sleep(delay_s * (0.5 + self._environment.random.random()))
            delay_s = min(delay_s * 2, RETRY_MAX_S)
        self._doubtful.pop(id(batch), None)
        if before is not None:
            await asyncio.wait([before])

    async def _was_committed(self, batch: Batch) -> bool:
        """After an unknown outcome: a batch commits as a whole, so one of its shards tells."""
        while True:
            try:
                for advance in batch.commit.shards:
                    row = await self._store.shard(advance.shard_id)
                    if row.range_id == advance.range_id:
                        return row.commit_seq > advance.commit_seq
                return False
            except StoreUnavailable:
                await self._environment.sleep(RETRY_MAX_S)


async def _wait_for(before: asyncio.Task[None], batch: Batch) -> None:
    """Wait for the batch before.

    Raises:
        BatchLost: it was lost, and this batch with it.
    """
    await asyncio.wait([before])
    lost = before.exception()
    if lost is not None:
        raise BatchLost(batch, f"the batch before was lost: {lost}", rejected=False) from lost
