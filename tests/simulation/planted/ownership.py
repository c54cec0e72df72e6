"""Bugs of ownership: fences, cursors, epochs, and what memory may keep."""

from __future__ import annotations

import pytest

from perdure_engine.history.cache import ExecutionCache
from perdure_engine.history.service import HistoryService
from perdure_engine.history.shard import Shard
from perdure_store.memory_tables import MemoryDatabase
from perdure_store.port import ShardAdvance, ShardRow
from tests.simulation.planted.bug import planted
from tests.simulation.rules import Rule


@planted(Rule.ROWS, Rule.DEAD_LETTER, Rule.LEGAL, Rule.START_KEPT)
def skip_the_fence(patch: pytest.MonkeyPatch) -> None:
    """The store takes batches of engines that have lost their shards: two histories are written into one."""
    patch.setattr(MemoryDatabase, "_check_fence", lambda self, advances: None)


@planted(Rule.CURSOR, Rule.ANSWERED_ONCE, Rule.REFUSED)
def drop_the_cursor(patch: pytest.MonkeyPatch) -> None:
    """The cursor is not committed with the effects: entries are decided again after a takeover, and refused then."""
    advance = Shard.advance

    def forget(self: Shard) -> ShardAdvance:
        return advance(self)._replace(inbox_cursor="0-0")

    patch.setattr(Shard, "advance", forget)


@planted(Rule.LIVENESS)
def trust_an_old_epoch(patch: pytest.MonkeyPatch) -> None:
    """The cursor is believed although the broker has lost its data: entries with lower ids count as done."""
    rewind = Shard.rewind

    def trust(self: Shard, row: ShardRow, epoch: str) -> None:
        rewind(self, row._replace(inbox_epoch=epoch), epoch)

    patch.setattr(Shard, "rewind", trust)


@planted(Rule.LIVENESS)
def overlook_a_new_epoch(patch: pytest.MonkeyPatch) -> None:
    """Nobody notices that the broker has lost its data: inboxes are read from where they ended before."""

    async def overlook(self: HistoryService) -> None:
        return None

    patch.setattr(HistoryService, "_watch_epoch", overlook)


@planted(Rule.DEAD_LETTER, Rule.LEGAL, Rule.ROWS)
def evict_in_mid_commit(patch: pytest.MonkeyPatch) -> None:
    """A run is evicted while a batch that touches it is on its way: what is loaded is older than what was decided."""
    sweep = ExecutionCache.sweep

    def sweep_all(self: ExecutionCache) -> None:
        sweep(self)
        for run in list(self._runs.values()):
            if self._bytes > self._bytes_max:
                self._remove(run)

    patch.setattr(ExecutionCache, "sweep", sweep_all)


@planted(Rule.DEAD_LETTER, Rule.LEGAL, Rule.ROWS, Rule.STATE)
def keep_memory_when_a_batch_is_lost(patch: pytest.MonkeyPatch) -> None:
    """What was decided in a batch that was never committed stays in memory, and is built upon."""
    patch.setattr(ExecutionCache, "drop_shards", lambda self, shard_ids: None)
