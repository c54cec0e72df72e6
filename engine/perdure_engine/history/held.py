"""The shards that an engine holds, and which of them have turned out to be another's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from perdure_engine.history.shard import Shard

logger = logging.getLogger("perdure.engine.history")


class HeldShards:
    """Args:
    forget: called with each shard that is no longer held: everybody who keeps something of it in memory drops that.

    `epoch`: of the broker, as far as this engine has looked.
    """

    def __init__(self, forget: Callable[[int], None]) -> None:
        self._forget = forget
        self._shards: dict[int, Shard] = {}
        self._lost: set[int] = set()
        self._has_some = asyncio.Event()
        self._reads = 0
        self.epoch = ""

    def __len__(self) -> int:
        return len(self._shards)

    @property
    def by_id(self) -> Mapping[int, Shard]:
        """Those that are held, as they are now."""
        return self._shards

    def ids(self) -> frozenset[int]:
        return frozenset(self._shards)

    def ranges(self) -> dict[int, int]:
        """The range by which each held shard is owned."""
        return {shard_id: shard.range_id for shard_id, shard in self._shards.items()}

    def put(self, shard: Shard) -> None:
        self._shards[shard.shard_id] = shard
        self._has_some.set()

    def drop(self, shard_id: int) -> None:
        """Let a shard go, and everybody forget what they know of it."""
        self._shards.pop(shard_id, None)
        self._forget(shard_id)
        if not self._shards:
            self._has_some.clear()

    async def wait(self) -> None:
        """Wait until there is a shard, or until `stir`."""
        await self._has_some.wait()

    def stir(self) -> None:
        """Whoever waits for a shard shall look around."""
        self._has_some.set()

    # Shards of others ----------------------------------------------------------------------------------------------

    def lose(self, shard_ids: Iterable[int]) -> None:
        """These belong to another engine now. They are dropped by `drop_lost`, between two batches."""
        self._lost.update(shard_ids)

    def has_lost(self) -> bool:
        return bool(self._lost)

    def drop_lost(self) -> None:
        for shard_id in self._lost:
            logger.warning("shard %d belongs to another engine now", shard_id)
            self.drop(shard_id)
        self._lost.clear()

    # Reading -------------------------------------------------------------------------------------------------------

    def cursors(self) -> dict[int, bytes]:
        """Where to read each inbox on. The one to be served first changes, so that a flood for one shard cannot keep
        the others waiting. Only while there are shards."""
        self._reads += 1
        first = self._reads % len(self._shards)
        items = list(self._shards.items())
        return {shard_id: shard.read_from for shard_id, shard in (*items[first:], *items[:first])}

    def next_due_us(self) -> int | None:
        """When the first of their timers is due, as far as those near enough are known."""
        due = [due_us for shard in self._shards.values() if (due_us := shard.timers.next_due_us()) is not None]
        return min(due) if due else None
