"""The matching service of one engine: the queues that this engine dispatches, and their watches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from perdure_broker.port import Broker, BrokerUnavailable, ClusterInfo, StreamKind, TaskStream
from perdure_engine.environment import Environment
from perdure_engine.flow_control import FlowControl
from perdure_engine.history.ownership import preferred_node
from perdure_engine.matching.dispatching import Dispatcher
from perdure_engine.matching.flow_dispatching import FlowDispatcher
from perdure_engine.matching.leases import LeaseWatch
from perdure_store.port import Store, StoreError

logger = logging.getLogger("perdure.engine.matching")

LOOK_S = 0.1
"""Seconds between two looks at which watch is due."""

SURVEY_S = 1.0
"""Seconds between two surveys of which queues there are and which have backlog."""

COLLECT_S = 30.0
CONSUMER_TTL_MS = 120_000
RETRY_S = 0.5


class MatchingService:
    """Dispatches and watches the queues that rendezvous gives to this node.

    Args:
        live_nodes: the engines that are alive.
        flow: the settings of task queues, which are read here.
        lease_ms: the lease given to queues for which none was set.
    """

    def __init__(
        self,
        store: Store,
        broker: Broker,
        environment: Environment,
        cluster: ClusterInfo,
        *,
        node: str,
        live_nodes: Callable[[], Sequence[str]],
        lease_ms: int,
        flow: FlowControl,
    ) -> None:
        self._store = store
        self._broker = broker
        self._environment = environment
        self._cluster = cluster
        self._node = node
        self._live_nodes = live_nodes
        self._lease_ms = lease_ms
        self._flow = flow
        self._watches: dict[TaskStream, LeaseWatch] = {}
        self._leases: dict[TaskStream, int] = {}
        self._dispatchers: dict[TaskStream, Dispatcher] = {}
        self._flow_dispatchers: dict[TaskStream, FlowDispatcher] = {}
        self._draining: dict[TaskStream, asyncio.Task[None]] = {}
        self._again: dict[TaskStream, int] = {}
        self._has_ended = False

    async def run(self) -> None:
        """Survey, watch and dispatch, for ever."""
        survey_at = collect_at = 0.0
        try:
            while True:
                now = self._environment.monotonic()
                try:
                    if now >= survey_at:
                        await self._survey()
                        survey_at = now + SURVEY_S
                    await self._look()
                    if now >= collect_at:
                        await self._collect()
                        collect_at = now + COLLECT_S
                except (BrokerUnavailable, StoreError) as error:
                    logger.warning("matching waits: %s", error)
                    for watch in self._watches.values():
                        watch.interrupted()
                    await self._environment.sleep(RETRY_S)
                await self._environment.sleep(LOOK_S)
        finally:
            self._has_ended = True
            for task in self._draining.values():
                task.cancel()
            await asyncio.gather(*self._draining.values(), return_exceptions=True)

    def wake(self, streams: set[TaskStream]) -> None:
        """Backlog was committed for these queues: dispatch those that are ours at once."""
        for stream in streams:
            if not self._has_ended and self._is_mine(stream):
                self._dispatch(stream)

    def _is_mine(self, stream: TaskStream) -> bool:
        return preferred_node(f"{stream.namespace}\0{stream.task_queue}", self._live_nodes()) == self._node

    async def _survey(self) -> None:
        await self._flow.refresh()
        mine = [stream for stream in await self._broker.task_streams() if self._is_mine(stream)]
        for stream in list(self._watches):
            if stream not in mine:
                del self._watches[stream]
                self._leases.pop(stream, None)
                if stream not in self._draining:
                    self._dispatchers.pop(stream, None)
                    self._flow_dispatchers.pop(stream, None)
        for stream in mine:
            await self._look_after(stream, self._survey_one(stream))

    async def _survey_one(self, stream: TaskStream) -> None:
        if stream not in self._watches:
            self._watches[stream] = LeaseWatch(self._broker, self._environment, stream, self._cluster)
            if stream.kind != StreamKind.STICKY:
                await self._broker.set_lease(stream, self._lease_ms)
        if stream.kind == StreamKind.STICKY:
            return
        state = await self._broker.queue_state(stream)
        self._leases[stream] = state.lease_ms
        if state.backlogged or self._flow.holds_back(stream):
            self._dispatch(stream)

    async def _look(self) -> None:
        now = self._environment.monotonic()
        for stream, watch in list(self._watches.items()):
            if now >= watch.next_look:
                queue = stream._replace(kind=StreamKind.WORKFLOW, worker="") if stream.worker else stream
                await self._look_after(stream, watch.look(self._leases.get(queue, self._lease_ms)))

    async def _collect(self) -> None:
        """Forget consumers and streams that nobody uses."""
        for stream in list(self._watches):
            if stream.kind == StreamKind.STICKY:
                await self._look_after(stream, self._broker.forget_sticky(stream))
            else:
                await self._look_after(stream, self._broker.collect(stream, CONSUMER_TTL_MS))

    async def _look_after(self, stream: TaskStream, work: Awaitable[Any]) -> None:
        """One queue whose keys somebody has spoiled must not keep the others waiting."""
        try:
            await work
        except (BrokerUnavailable, StoreError):
            raise
        except Exception:  # the top of the care for one queue
            logger.exception("the %s queue %r cannot be looked after", stream.kind.name.lower(), stream.task_queue)

    def _dispatch(self, stream: TaskStream) -> None:
        if stream in self._draining:
            self._again[stream] = 1
            return
        name = f"dispatch-{stream.task_queue}"
        self._draining[stream] = self._environment.spawn(self._drain(stream), name=name)

    async def _drain(self, stream: TaskStream) -> None:
        try:
            while True:
                self._again.pop(stream, None)
                try:
                    await self._drain_once(stream)
                except (BrokerUnavailable, StoreError) as error:
                    logger.warning("the backlog of %s waits: %s", stream.task_queue, error)
                    await self._environment.sleep(RETRY_S)
                    continue
                if stream not in self._again:
                    return
        finally:
            self._draining.pop(stream, None)

    async def _drain_once(self, stream: TaskStream) -> None:
        """By the plain dispatcher, and by the one for limits and fairness keys where there are any."""

        def is_held_back() -> bool:
            return self._flow.holds_back(stream)

        dispatcher = self._dispatchers.get(stream)
        if dispatcher is None:
            dispatcher = Dispatcher(self._store, self._broker, self._environment, stream, self._node, is_held_back)
            self._dispatchers[stream] = dispatcher
        await dispatcher.drain()
        if not dispatcher.meets_flow:
            return
        with_flow = self._flow_dispatchers.get(stream)
        if with_flow is None:
            with_flow = FlowDispatcher(
                self._store,
                self._broker,
                self._environment,
                self._flow,
                stream,
                self._node,
                lambda: self._is_mine(stream),
            )
            self._flow_dispatchers[stream] = with_flow
        await with_flow.run()
