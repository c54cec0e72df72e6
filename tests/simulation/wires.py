"""Wires: what a process has in place of a store or a broker: the same methods, over a network with faults.

Rules, after the real adapters:
- Calls to the broker that do not block share one connection, so they arrive in the order in which they were sent; each
  blocking read has a connection of its own, and the database has one a call.
- A connection that breaks may have carried the call or not; the broker's adapter may then have sent it twice; and what
  it had sent may arrive later, until its sender uses a newer connection: that has the server end the one before.
- The servers themselves are right.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Any

from perdure_broker.connection import CALL_TIMEOUT_S
from perdure_broker.memory import MemoryBroker, MemoryLeases
from perdure_broker.port import BrokerUnavailable
from perdure_store.memory import MemoryStore
from perdure_store.port import (
    BatchRejected,
    CommitBatch,
    FenceLost,
    SerializationConflict,
    StoreUnavailable,
    UnknownOutcome,
)
from tests.simulation.faults.crash_points import torn
from tests.simulation.network import BLOCKING, Network, Wire, fail
from tests.simulation.process import Process
from tests.simulation.weather import Ill

COMMIT_S = (0.0005, 0.005)
COMMIT_SLOW_S = (0.1, 3.0)
LATE_S = 3.0
"""What was sent on a broken connection arrives within so many seconds, or never."""

COMMIT_LATE_S = 0.3


class BrokerWire(Wire):
    server = "broker"

    def __init__(self, target: MemoryBroker, process: Process, network: Network) -> None:
        super().__init__(target, process, network)
        self._last_arrival = 0.0
        self._late: list[asyncio.Task[None]] = []

    async def _travel(self, name: str) -> None:
        if name in BLOCKING:
            await super()._travel(name)
            return
        loop = asyncio.get_running_loop()
        arrival = loop.time() + self._latency_s()
        while arrival > loop.time():
            self._last_arrival = arrival = max(arrival, self._last_arrival + 1e-6)
            await asyncio.sleep(arrival - loop.time())
            arrival = self._network.weather.stalled_until(self.server)

    def _watch_patience(self, answer: asyncio.Future[Any]) -> None:
        """The adapter takes a server that is silent for some seconds for lost. What it sent is carried out later."""
        loop = asyncio.get_running_loop()
        if self._network.weather.stalled_until("broker") - loop.time() > CALL_TIMEOUT_S:
            error = BrokerUnavailable("simulated: the broker was silent for too long")
            loop.call_later(CALL_TIMEOUT_S, fail, answer, error)

    def _check_reach(self) -> None:
        if self._process.cut_from and self.server in self._process.cut_from:
            raise BrokerUnavailable("simulated: the network does not carry anything to the broker")

    async def _take_effect(self, name: str, method: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if self._befalls(Ill.BROKER_LOST):
            raise BrokerUnavailable(f"simulated: {name} did not get there")
        for trap in self._traps():
            part = trap.part_of(name, args)
            if part is not None:
                await method(part, args[1])
                await self._fall(trap)
                raise BrokerUnavailable("simulated: its sender ended in the middle")
        if name not in BLOCKING:
            for late in self._late:
                late.cancel()
            self._late.clear()
            if self._befalls(Ill.BROKER_LATE):
                delay_s = self._random.uniform(0, LATE_S)
                self._late.append(self._network.carry(self._arrive(delay_s, method, args, options)))
                raise BrokerUnavailable(f"simulated: {name} is still on its way")
            if name == "release" and self._befalls(Ill.BROKER_TORN):
                await method(torn(args[0], self._random.random()), args[1])
                if self._random.random() < 0.5:
                    raise BrokerUnavailable("simulated: the connection was lost in the middle of a release")
        result = await method(*args, **options)
        if name in BLOCKING:
            if name == "read_tasks" and result and self._befalls(Ill.BROKER_TWICE):
                # What the first read took is lost on the way: the adapter reads once more, on another connection.
                result = await method(*args, **options | {"block_ms": 1})
        elif self._befalls(Ill.BROKER_TWICE):
            result = await method(*args, **options)
        return result

    async def _arrive(self, delay_s: float, method: Any, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        await asyncio.sleep(delay_s)
        with contextlib.suppress(BrokerUnavailable):
            await method(*args, **options)

    def _lose_answer(self, name: str) -> None:
        self._check_reach()
        if self._befalls(Ill.BROKER_ANSWER_LOST):
            raise BrokerUnavailable(f"simulated: the answer to {name} was lost")


class StoreWire(Wire):
    server = "store"

    def __init__(self, target: MemoryStore, process: Process, network: Network) -> None:
        super().__init__(target, process, network)
        self._turn = asyncio.Lock()

    def _check_reach(self) -> None:
        if self._network.weather.is_store_down:
            raise StoreUnavailable("simulated: the database is down")
        if self._process.cut_from and self.server in self._process.cut_from:
            raise StoreUnavailable("simulated: the network does not carry anything to the database")

    async def _take_effect(self, name: str, method: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if name == "commit":
            return await self._commit(method, args[0])
        if self._befalls(Ill.STORE_LOST):
            raise StoreUnavailable(f"simulated: {name} did not get there")
        return await method(*args, **options)

    def _lose_answer(self, name: str) -> None:
        if name == "commit":
            try:
                self._check_reach()
            except StoreUnavailable as error:
                raise UnknownOutcome("simulated: the connection was lost during the commit") from error
            return
        self._check_reach()
        if self._befalls(Ill.STORE_ANSWER_LOST):
            raise StoreUnavailable(f"simulated: the answer to {name} was lost")

    async def _commit(self, method: Any, batch: CommitBatch) -> None:
        async with self._turn:  # the rows are locked: a slow commit is not overtaken by the one after it
            await asyncio.sleep(self._random.uniform(*(COMMIT_SLOW_S if self._befalls(Ill.COMMIT_SLOW) else COMMIT_S)))
            if self._befalls(Ill.COMMIT_LOST):
                raise StoreUnavailable("simulated: the connection was lost before the commit was sent")
            if self._befalls(Ill.COMMIT_CONFLICT):
                raise SerializationConflict("simulated: another transaction was in the way")
            if self._befalls(Ill.COMMIT_UNKNOWN_LOST):
                raise UnknownOutcome("simulated: the connection was lost, and nothing was written")
            if self._befalls(Ill.COMMIT_UNKNOWN_LATE):
                self._network.carry(self._arrive(self._random.uniform(0, COMMIT_LATE_S), batch))
                raise UnknownOutcome("simulated: the connection was lost, and the commit is still on its way")
            await method(batch)
            if self._befalls(Ill.COMMIT_UNKNOWN_WRITTEN):
                raise UnknownOutcome("simulated: the connection was lost, and everything was written")

    async def _arrive(self, delay_s: float, batch: CommitBatch) -> None:
        await asyncio.sleep(delay_s)
        with contextlib.suppress(FenceLost, BatchRejected):
            self._target.database.commit(batch)


class LeasesWire:
    """`port.Leases` of one worker: they block in reality, so that there is no await; they pass the network as well."""

    def __init__(self, target: MemoryLeases, process: Process, network: Network) -> None:
        self._target = target
        self._process = process
        self._network = network
        self._random = random.Random(f"{network.seed}/leases of {process.name}")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._target, name)

        def call(*args: Any) -> Any:
            self._fail(Ill.BROKER_LOST, f"simulated: {name} did not get there")
            result = method(*args)
            self._fail(Ill.BROKER_ANSWER_LOST, f"simulated: the answer to {name} was lost")
            return result

        return call

    def close(self) -> None:
        self._target.close()

    def _fail(self, ill: Ill, text: str) -> None:
        if "broker" in self._process.cut_from:
            raise BrokerUnavailable("simulated: the network does not carry anything to the broker")
        rate = self._network.weather.rate(ill)
        if rate and self._random.random() < rate:
            self._network.weather.note(ill)
            raise BrokerUnavailable(text)
