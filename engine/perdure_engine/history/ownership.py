"""Ownership: which shards are mine.

Every engine raises a counter in the store. Each judges the others by its own clock: who has not moved for a while is
gone. The live ones split the shards by rendezvous hashing. Nothing is taken from a node whose counter moves: it hands
over itself. Timing decides only how fast a takeover is; the fence decides correctness.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from typing import Protocol

from perdure_engine.environment import Environment
from perdure_store.port import SchemaMissing, SchemaTooNew, ShardRow, Store, StoreDefect, StoreError

logger = logging.getLogger("perdure.engine.ownership")

BEAT_S = 1.0
"""Seconds between two beats of a node's counter."""

NODE_TIMEOUT_S = 5.0
"""Seconds without a beat after which a node's shards are taken."""


class ShardHolder(Protocol):
    """Who holds shards: the history service."""

    def held(self) -> frozenset[int]: ...

    async def gain(self, row: ShardRow) -> None: ...

    async def give_up(self, shard_id: int) -> None:
        """Finish what is under way, and let the shard go."""


def preferred_node(name: str, nodes: Iterable[str]) -> str:
    """The node of highest rendezvous weight: when one comes or goes, only what was or becomes its own moves."""
    return max(nodes, key=lambda node: (hashlib.blake2b(f"{node}\0{name}".encode(), digest_size=8).digest(), node))


class Ownership:
    def __init__(
        self, store: Store, environment: Environment, holder: ShardHolder, *, node: str, shard_count: int
    ) -> None:
        self._store = store
        self._environment = environment
        self._holder = holder
        self._node = node
        self._shard_count = shard_count
        self._seen: dict[str, tuple[int, float]] = {}

    def live_nodes(self) -> list[str]:
        """The nodes that are alive as far as this one knows, itself included."""
        now = self._environment.monotonic()
        live = [node for node, (_, since) in self._seen.items() if now - since < NODE_TIMEOUT_S]
        return sorted({*live, self._node})

    async def run(self) -> None:
        """Beat and settle who owns what, for ever.

        Raises:
            SchemaTooNew, SchemaMissing, StoreDefect: this version and the schema do not fit: no beat will help.
        """
        while True:
            try:
                await self.settle()
            except (SchemaTooNew, SchemaMissing, StoreDefect):
                raise
            except StoreError as error:
                logger.warning("ownership is not settled, trying again: %s", error)
            await self._environment.sleep(BEAT_S)

    async def settle(self) -> None:
        """One beat, and the takeovers and handovers that follow from it."""
        counters = await self._store.beat(self._node, "")
        now = self._environment.monotonic()
        for node, counter in counters.items():
            seen = self._seen.get(node)
            if seen is None or seen[0] != counter:
                self._seen[node] = (counter, now)
        for node in list(self._seen):
            if node not in counters:
                del self._seen[node]
        live = self.live_nodes()
        mine = frozenset(
            shard_id for shard_id in range(self._shard_count) if preferred_node(f"shard {shard_id}", live) == self._node
        )
        held = self._holder.held()
        others = [node for node in live if node != self._node]
        if mine == held and not others:
            return  # alone: nobody can have taken one
        rows = await self._store.shards()
        # Two that start together do not see each other yet, and one may take what the other has just taken. A shard
        # without traffic would never learn it from its fence.
        lost = frozenset(row.shard_id for row in rows if row.shard_id in held and row.owner != self._node)
        for shard_id in sorted(held - mine | lost):
            logger.info("letting go of shard %d", shard_id)
            await self._holder.give_up(shard_id)
        for row in rows:
            if row.shard_id in held - lost:
                continue
            if row.shard_id not in mine:
                if row.owner == self._node:
                    # An earlier handover, or taking it, was cut short: others wait for its owner, which they see alive.
                    await self._store.release_shard(row.shard_id, row.range_id)
            elif row.owner not in others:  # who is alive hands over by itself
                await self._holder.gain(await self._store.acquire_shard(row.shard_id, self._node))

    async def retire(self) -> None:
        """Hand over everything and leave."""
        for shard_id in sorted(self._holder.held()):
            await self._holder.give_up(shard_id)
        for row in await self._store.shards():
            if row.owner == self._node:  # being taken when the end came
                await self._store.release_shard(row.shard_id, row.range_id)
        await self._store.retire(self._node)
