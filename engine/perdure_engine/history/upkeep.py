"""Upkeep: once a second, what no request asks for: timers that come near, the broker's epoch, queries nobody waits for,
inboxes that grow."""

from __future__ import annotations

import asyncio
import logging

from perdure_broker.port import Broker, BrokerUnavailable, ClusterInfo
from perdure_engine.environment import Environment
from perdure_engine.history.held import HeldShards
from perdure_engine.history.intake import Intake
from perdure_engine.history.queries import Queries
from perdure_engine.history.rewinding import Rewinding
from perdure_engine.history.routing import Routing
from perdure_store.port import Store, StoreError

logger = logging.getLogger("perdure.engine.history")

UPKEEP_S = 1.0

INBOX_SHED_AT = 20_000
"""Entries waiting in one inbox from which on starts are refused until it is half of that."""


class Upkeep:
    """Args:
    turn: of the batch loop; between two batches it is free.
    """

    def __init__(
        self,
        store: Store,
        broker: Broker,
        environment: Environment,
        cluster: ClusterInfo,
        held: HeldShards,
        turn: asyncio.Lock,
        queries: Queries,
        routing: Routing,
        intake: Intake,
        rewinding: Rewinding,
    ) -> None:
        self._store = store
        self._broker = broker
        self._environment = environment
        self._cluster = cluster
        self._held = held
        self._turn = turn
        self._queries = queries
        self._routing = routing
        self._intake = intake
        self._rewinding = rewinding

    async def run(self) -> None:
        """Look after all of it, for ever."""
        while True:
            await self._environment.sleep(UPKEEP_S)
            now_us = self._environment.now_us()
            self._queries.forget_expired(now_us)
            try:
                for shard in list(self._held.by_id.values()):
                    if shard.timers.needs_refill(now_us):
                        await shard.timers.refill(self._store, now_us)
                await self._routing.refresh()
                await self._watch_epoch()
                await self._watch_inboxes()
            except (StoreError, BrokerUnavailable) as error:
                logger.warning("upkeep waits: %s", error)

    async def take_in_timers(self) -> None:
        """Take in what is due by now, all at once: the clock was set forward."""
        now_us = self._environment.now_us()
        for shard in list(self._held.by_id.values()):
            await shard.timers.refill(self._store, now_us)

    async def _watch_epoch(self) -> None:
        """In another epoch stream ids mean nothing: read the inboxes from their start, publish what is missing."""
        epoch = await self._broker.epoch()
        if epoch == self._held.epoch:
            return
        logger.warning(
            "the broker's data is not what it was (epoch %s, before %s): publishing again", epoch, self._held.epoch
        )
        await self._broker.announce_cluster(self._cluster)
        async with self._turn:
            await self._rewinding.follow_epoch(epoch)

    async def _watch_inboxes(self) -> None:
        longest = 0
        for shard_id in list(self._held.by_id):
            longest = max(longest, await self._broker.inbox_length(shard_id))
        self._intake.sheds = longest > (INBOX_SHED_AT // 2 if self._intake.sheds else INBOX_SHED_AT)
