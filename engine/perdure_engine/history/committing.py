"""Committing: batches become durable, in order, one transaction each, while the next one is decided.

Each way in which a commit does not say yes ends in one of three: it was committed after all, it is sent again unchanged,
or `BatchLost`: the caller rewinds the shards of this batch and of those decided after it to what is durable.
"""

from __future__ import annotations

import asyncio
import logging

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


class BatchLost(Exception):
    """A batch was not committed and will not be as it is. `rejected`: its rows were refused, not its ownership."""

    def __init__(self, batch: Batch, reason: str, *, rejected: bool) -> None:
        super().__init__(reason)
        self.batch = batch
        self.reason = reason
        self.rejected = rejected


class Committer:
    """Sends batches to the store, one at a time and in order; those that are durable go to `durable`."""

    def __init__(self, store: Store, environment: Environment, durable: asyncio.Queue[Batch]) -> None:
        self._store = store
        self._environment = environment
        self._durable = durable
        self._current: asyncio.Task[None] | None = None

    async def submit(self, batch: Batch) -> None:
        """Wait for the batch before, then send this one in the background.

        Raises:
            BatchLost: the batch before was lost; this one was not sent, and must not be.
        """
        await self.settle()
        self._current = self._environment.spawn(self._commit(batch), name="commit")

    async def settle(self) -> None:
        """Wait until nothing is being committed.

        Raises:
            BatchLost: the last batch was lost. Said once.
        """
        current, self._current = self._current, None
        if current is not None:
            try:
                await asyncio.shield(current)
            except asyncio.CancelledError:
                self._current = current
                raise

    async def _commit(self, batch: Batch) -> None:
        delay_s = RETRY_MIN_S
        unknown = False
        while True:
            try:
                await self._store.commit(batch.commit)
                break
            except FenceLost as error:
                if unknown and await self._was_committed(batch):
                    break
                raise BatchLost(batch, str(error), rejected=False) from error
            except BatchRejected as error:
                raise BatchLost(batch, str(error), rejected=True) from error
            except SerializationConflict:
                delay_s = RETRY_MIN_S
            except UnknownOutcome as error:
                unknown = True
                logger.warning("a commit's outcome is unknown, sending it again: %s", error)
            except StoreUnavailable as error:
                logger.warning("the store is unavailable, the batch waits: %s", error)
            await self._environment.sleep(delay_s * (0.5 + self._environment.random.random()))
            delay_s = min(delay_s * 2, RETRY_MAX_S)
        await self._durable.put(batch)

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
