"""Bugs of ownership: fences, cursors, epochs, and what memory may keep."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perdure_engine.history.cache import ExecutionCache
from perdure_engine.history.shard import Shard
from perdure_engine.history.upkeep import Upkeep
from perdure_store.memory_tables import MemoryDatabase
from perdure_store.port import ShardAdvance, ShardRow
from tests.simulation.faults.plan import Fault, Kind
from tests.simulation.planted.bug import planted
from tests.simulation.rules import Rule
from tests.simulation.scenario import Scenario
from tests.simulation.weather import Ill


@planted(Rule.ROWS, Rule.DEAD_LETTER, Rule.LEGAL, Rule.START_KEPT, seed=2)
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


def _with_an_older_machine(scenario: Scenario) -> Scenario:
    """The broker is replaced by a machine whose clock is an hour behind."""
    return replace(scenario, faults=(Fault(0, Kind.EMPTY_BROKER, 10.0, amount=3_600.0),))


@planted(Rule.LIVENESS, sharpen=_with_an_older_machine)
def trust_an_old_epoch(patch: pytest.MonkeyPatch) -> None:
    """The cursor is believed although the broker has lost its data: entries with lower ids count as done."""
    rewind = Shard.rewind

    def trust(self: Shard, row: ShardRow, epoch: str) -> None:
        rewind(self, row._replace(inbox_epoch=epoch), epoch)

    patch.setattr(Shard, "rewind", trust)


@planted(Rule.LIVENESS, sharpen=_with_an_older_machine)
def overlook_a_new_epoch(patch: pytest.MonkeyPatch) -> None:
    """Nobody notices that the broker has lost its data: inboxes are read from where they ended before."""

    async def overlook(self: Upkeep) -> None:
        return None

    patch.setattr(Upkeep, "_watch_epoch", overlook)


def _with_a_small_cache(scenario: Scenario) -> Scenario:
    """Few runs fit into memory, and commits are slow."""
    slow = Fault(0, Kind.SPELL, 0.0, 0, 25.0, Ill.COMMIT_SLOW.value, 0.2)
    return replace(scenario, has_small_cache=True, faults=(slow,))


@planted(Rule.DEAD_LETTER, Rule.LEGAL, Rule.ROWS, seed=3, sharpen=_with_a_small_cache)
def evict_in_mid_commit(patch: pytest.MonkeyPatch) -> None:
    """A run is evicted while a batch that touches it is on its way: what is loaded is older than what was decided."""
    sweep = ExecutionCache.sweep

    def sweep_all(self: ExecutionCache) -> None:
        sweep(self)
        for run in list(self._runs.values()):
            if self._bytes > self._bytes_max:
                self._remove(run)

    patch.setattr(ExecutionCache, "sweep", sweep_all)


@planted(Rule.DEAD_LETTER, Rule.LEGAL, Rule.ROWS, Rule.STATE, seed=3)
def keep_memory_when_a_batch_is_lost(patch: pytest.MonkeyPatch) -> None:
    """What was decided in a batch that was never committed stays in memory, and is built upon."""
    patch.setattr(ExecutionCache, "drop_shards", lambda self, shard_ids: None)
