"""One engine: its services over one store and one broker, from start to graceful stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from perdure_broker.port import Broker, BrokerUnavailable, ClusterInfo
from perdure_engine.environment import Environment
from perdure_engine.flow_control import FlowControl
from perdure_engine.frontend.service import FrontendService
from perdure_engine.history.cache import CACHE_BYTES_MAX
from perdure_engine.history.ownership import Ownership
from perdure_engine.history.service import HistoryService
from perdure_engine.matching.service import MatchingService
from perdure_engine.system.batches import Batches
from perdure_engine.system.errands import Errands
from perdure_engine.system.retention import Retention
from perdure_engine.system.schedules import Schedules
from perdure_engine.system.watches import Watches
from perdure_store.port import Store, StoreError

logger = logging.getLogger("perdure.engine")

MAP_VERSION = 1
"""Version of the shard map; it changes when a shard is split."""

LEASE_MS = 30_000
"""The visibility timeout of a task queue, unless the engine was started with another one."""


HANDOVER_S = 15.0
"""Seconds that an engine takes at the most to stop."""


class Engine:
    """Everything one engine process does. The store and the broker are connected by the caller, and closed by it.

    Args:
        node: the name of this process among the engines; unique.
        lease_ms: the visibility timeout of task queues.
    """

    def __init__(
        self,
        store: Store,
        broker: Broker,
        environment: Environment,
        *,
        node: str,
        lease_ms: int = LEASE_MS,
        cache_bytes_max: int = CACHE_BYTES_MAX,
    ) -> None:
        self._store = store
        self._broker = broker
        self._environment = environment
        self._node = node
        self._lease_ms = lease_ms
        self._cache_bytes_max = cache_bytes_max
        self.history: HistoryService | None = None
        self.schedules: Schedules | None = None

    async def run(self, stop: asyncio.Event, *, ready: Callable[[], None] = lambda: None) -> None:
        """Work until `stop` is set, then hand the shards over and return. `ready` is called once shards are held, or
        known to be held by others.

        Raises:
            Whatever ended a service that must not end.
        """
        cluster_id, shard_count = await self._store.cluster()
        cluster = ClusterInfo(cluster_id, MAP_VERSION, shard_count, self._lease_ms)
        await self._broker.announce_cluster(cluster)
        flow = FlowControl(self._store)
        await flow.refresh()
        matching: list[MatchingService] = []
        history = HistoryService(
            self._store,
            self._broker,
            self._environment,
            cluster,
            cache_bytes_max=self._cache_bytes_max,
            backlogged=lambda streams: matching[0].wake(streams),
            holds_back=flow.holds_back,
        )
        self.history = history
        ownership = Ownership(self._store, self._environment, history, node=self._node, shard_count=shard_count)
        matching.append(
            MatchingService(
                self._store,
                self._broker,
                self._environment,
                cluster,
                node=self._node,
                live_nodes=ownership.live_nodes,
                lease_ms=self._lease_ms,
                flow=flow,
            )
        )
        watches = Watches(self._broker, self._environment, cluster, self._node)
        self.schedules = schedules = Schedules(
            self._store,
            self._environment,
            cluster,
            Errands(self._broker, self._environment, cluster, self._node),
            watches,
            node=self._node,
            live_nodes=ownership.live_nodes,
        )
        frontend = FrontendService(
            self._store,
            self._broker,
            self._environment,
            cluster,
            node=self._node,
            live_nodes=ownership.live_nodes,
            routes_changed=history.routing.refresh,
            flow_changed=flow.refresh,
            look_at_schedule=schedules.look_at,
        )
        retention = Retention(self._store, self._environment, history.ranges)
        errands = Errands(self._broker, self._environment, cluster, self._node)
        batches = Batches(
            self._store,
            self._environment,
            cluster,
            errands,
            node=self._node,
            live_nodes=ownership.live_nodes,
        )
        history_task = self._spawn(history.run(), "history")
        others: list[asyncio.Task[Any]] = []
        try:
            await ownership.settle()
            others += [
                self._spawn(ownership.run(), "ownership"),
                self._spawn(matching[0].run(), "matching"),
                self._spawn(frontend.run(), "frontend"),
                self._spawn(retention.run(), "retention"),
                self._spawn(batches.run(), "batches"),
                self._spawn(schedules.run(), "schedules"),
                self._spawn(watches.run(), "watches"),
                self._spawn(stop.wait(), "stop"),
            ]
            ready()
            done, _ = await asyncio.wait([history_task, *others], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            await _cancel(others)
            await _hand_over(ownership, history, history_task)
        finally:
            await _cancel([history_task, *others])

    def _spawn(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        return self._environment.spawn(coroutine, name=name)


async def _hand_over(ownership: Ownership, history: HistoryService, running: asyncio.Task[None]) -> None:
    """Give the shards to whoever wants them, and end the history service. Servers that do not answer cannot hold up the
    end: what is not handed over is taken, a little later."""
    logger.info("stopping: handing over %d shards", len(history.held()))
    try:
        async with asyncio.timeout(HANDOVER_S):
            await ownership.retire()
            await history.stop()
            await running
    except (TimeoutError, StoreError, BrokerUnavailable) as error:
        logger.warning("ending without having handed over everything (%s); other engines will take it", error)


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
