"""Rewinding: what follows when a batch does not become durable, or cannot be decided.

Everything undurable is thrown away: the shards go back to what the store says, and their inboxes are read again from
the committed cursor. That is always right, because the cursor commits with the effects. What is to blame is remembered
on its shard (`poisoned`), so that it is set aside when it comes again, alone.

Rules: each of these is called with the turn of the batch loop held.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from perdure_engine.environment import Environment
from perdure_engine.history.batch import Batch
from perdure_engine.history.cache import ExecutionCache
from perdure_engine.history.committing import BatchLost, Committer
from perdure_engine.history.held import HeldShards
from perdure_engine.history.intake import Intake, Undecidable, Unloadable
from perdure_engine.history.repairing import Repairs
from perdure_engine.history.visibility import VisibilityWriter
from perdure_store.port import Store, StoreError, TimerKey

logger = logging.getLogger("perdure.engine.history")

T = TypeVar("T")

RETRY_S = 0.5


class Rewinding:
    def __init__(
        self,
        store: Store,
        environment: Environment,
        held: HeldShards,
        cache: ExecutionCache,
        visibility: VisibilityWriter,
        committer: Committer,
        intake: Intake,
        repairs: Repairs,
    ) -> None:
        self._store = store
        self._environment = environment
        self._held = held
        self._cache = cache
        self._visibility = visibility
        self._committer = committer
        self._intake = intake
        self._repairs = repairs

    async def follow_loss(self, lost: BatchLost) -> None:
        """A batch was not committed: find out why, and go back to what is durable."""
        batch = lost.batch
        logger.warning("a batch of %d requests was not committed: %s", batch.request_count, lost.reason)
        if lost.rejected:
            self._narrow_down(batch, lost.reason)
        await self._rewind()

    async def follow_undecidable(self, guilty: Undecidable) -> None:
        """Deciding raised: who is to blame is known."""
        if guilty.place is not None:
            guilty.shard.poisoned[guilty.place] = guilty.reason
        if guilty.timer is not None:
            guilty.shard.poisoned_timers[TimerKey(*guilty.timer[:5])] = guilty.reason
        await self._settle_and_rewind()

    async def follow_unloadable(self, refused: Unloadable) -> None:
        """The store refuses to look something up."""
        logger.warning("what a request names cannot be looked up: %s", refused.reason)
        self._narrow_down(refused.batch, refused.reason)
        await self._settle_and_rewind()

    async def follow_epoch(self, epoch: str) -> None:
        """The broker's data is not what it was: stream ids mean nothing any more."""
        self._held.epoch = epoch
        try:
            await self._committer.settle()
        except BatchLost as lost:
            await self.follow_loss(lost)
        else:
            await self._rewind()

    def _narrow_down(self, batch: Batch, reason: str) -> None:
        """The store refuses what one request or timer of this batch leads to: halve until it is alone. It is set aside
        when it comes again."""
        if batch.request_count > 1:
            if batch.fired or len({(shard.shard_id, entry_id) for shard, entry_id, _ in batch.places}) > 1:
                self._intake.limit = max(1, min(self._intake.limit, batch.request_count) // 2)
                self._intake.suspects = dict.fromkeys(shard.shard_id for shard, _, _ in batch.places)
                return
            shard, entry_id, _ = batch.places[0]
            shard.split[entry_id] = 1
        for shard, entry_id, place in batch.places[:1] if batch.request_count == 1 else ():
            shard.poisoned[entry_id, place] = reason
        for shard, key in batch.fired:
            shard.poisoned_timers[key] = reason
        self._intake.limit = 1

    async def _settle_and_rewind(self) -> None:
        try:
            await self._committer.settle()
        except BatchLost as lost:
            logger.warning("the batch before was not committed either: %s", lost.reason)
        await self._rewind()

    async def _rewind(self) -> None:
        """Throw away what is not durable, and go on from what is."""
        held = self._held.ids()
        self._cache.drop_shards(held)
        self._visibility.forget_shards(held)
        doubtful = self._committer.take_doubtful()
        rows = {row.shard_id: row for row in await self._insist(self._store.shards)}
        for shard_id, shard in list(self._held.by_id.items()):
            row = rows[shard_id]
            if row.range_id != shard.range_id:
                self._held.lose((shard_id,))
                continue
            if shard_id in doubtful:
                row = await self._insist(partial(self._store.acquire_shard, shard_id, row.owner))
            shard.rewind(row, self._held.epoch)
            await self._insist(partial(shard.timers.refill, self._store, self._environment.now_us()))
            self._repairs.begin(shard)
        self._held.drop_lost()

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the store until it answers: half a rewind is worse than a late one."""
        while True:
            try:
                return await ask()
            except StoreError as error:
                logger.warning("cannot rewind yet: %s", error)
                await self._environment.sleep(RETRY_S)
