"""Wires: what a process has in place of a store or a broker: the same methods, over a network with faults.

Role: carries each call to its server and the answer back, in tasks that belong to no process: what was sent arrives
although its sender was stopped or killed meanwhile. Faults are those of the network and of the moment at which a
process dies; the servers themselves are right.

Rules, after the real adapters:
- Calls to the broker that do not block share one connection, so they arrive in the order in which they were sent; each
  blocking read has a connection of its own, and the database has one a call.
- A connection that breaks may have carried the call or not; the broker's adapter may then have sent it twice; and what
  it had sent may arrive later, until its sender uses a newer connection: that has the server end the one before.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import random
from collections.abc import Callable, Coroutine
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
    StoreError,
    StoreUnavailable,
    UnknownOutcome,
)
from tests.simulation.faults.crash_points import Moment, Trap, torn
from tests.simulation.process import Process
from tests.simulation.virtual_loop import DOMAIN
from tests.simulation.weather import Ill, Weather

BLOCKING = frozenset({"read_inboxes", "read_replies", "read_tasks", "read_frontend"})

LATENCY_S = (0.0001, 0.001)
SLOW_S = (0.01, 0.8)
COMMIT_S = (0.0005, 0.005)
COMMIT_SLOW_S = (0.1, 3.0)
LATE_S = 3.0
"""What was sent on a broken connection arrives within so many seconds, or never."""

COMMIT_LATE_S = 0.3

CUT_S = (0.05, 1.0)
"""How long a process takes to notice that a server cannot be reached."""


class Network:
    """What all wires of one world share.

    Args:
        note: told of each call, for the trace that two runs of a seed must share.
        fell: told of each process that fell into a trap, which it has to carry out.
    """

    def __init__(
        self, seed: object, weather: Weather, note: Callable[[str], None], fell: Callable[[Process, Trap], None]
    ) -> None:
        self.seed = seed
        self.weather = weather
        self.note = note
        self.fell = fell
        self._context = contextvars.copy_context()
        self._context.run(DOMAIN.set, None)
        self._tasks: dict[asyncio.Task[None], None] = {}

    def carry(self, journey: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let something travel, whatever becomes of its sender."""
        task = asyncio.get_running_loop().create_task(journey, context=self._context.copy())
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop, context=self._context)
        return task

    def discard(self) -> list[asyncio.Task[None]]:
        """The simulation is over."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        return tasks


class Wire:
    """Answers to the methods of `target`."""

    server = ""

    def __init__(self, target: Any, process: Process, network: Network) -> None:
        self._target = target
        self._process = process
        self._network = network
        self._random = random.Random(f"{network.seed}/{self.server} of {process.name}")

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method = getattr(self._target, name)

        async def call(*args: Any, **options: Any) -> Any:
            return await self._call(name, method, args, options)

        self.__dict__[name] = call
        return call

    async def _call(self, name: str, method: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        process = self._process
        if process.is_discarded:
            raise asyncio.CancelledError
        for trap in process.traps:
            if trap.waits_at(name, Moment.BEFORE):
                await self._fall(trap)
                break
        self._network.note(f"{process.name}.{name}")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        journey = self._network.carry(self._journey(answer, name, method, args, options))
        if name not in BLOCKING:
            return await answer
        process.reads[journey] = None
        try:
            return await answer
        finally:
            del process.reads[journey]
            journey.cancel()  # the server drops a read whose connection is closed

    async def _fall(self, trap: Trap) -> None:
        """Into a trap. Called by the process itself, which goes on from here when it runs again, or by the network."""
        self._network.fell(self._process, trap)
        await asyncio.sleep(0)

    async def _journey(
        self, answer: asyncio.Future[Any], name: str, method: Any, args: tuple[Any, ...], options: dict[str, Any]
    ) -> None:
        process = self._process
        self._watch_patience(answer)
        try:
            await self._travel(name)
            self._check_reach()
            result = await self._take_effect(name, method, args, options)
            for trap in process.traps:
                if trap.waits_at(name, Moment.AFTER):
                    await self._fall(trap)
                    break
            await asyncio.sleep(self._latency_s())
            self._lose_answer(name)
        except (StoreError, BrokerUnavailable) as error:
            if process.cut_from and self.server in process.cut_from:
                await asyncio.sleep(self._random.uniform(*CUT_S))
            _fail(answer, error)
            return
        if not answer.done():
            answer.set_result(result)

    def _watch_patience(self, answer: asyncio.Future[Any]) -> None:
        """Give an answer up that takes too long."""

    def _latency_s(self) -> float:
        if self._befalls(Ill.SLOW):
            return self._random.uniform(*SLOW_S)
        return self._random.uniform(*LATENCY_S)

    def _befalls(self, ill: Ill) -> bool:
        weather = self._network.weather
        if weather.is_calm:
            return False
        rate = weather.rate(ill)
        if rate and self._random.random() < rate:
            weather.note(ill)
            return True
        return False

    async def _travel(self, name: str) -> None:
        """To the server, and wait there while it stalls."""
        loop, latency_s = asyncio.get_running_loop(), self._latency_s()
        while latency_s > 0:
            await asyncio.sleep(latency_s)
            latency_s = self._network.weather.stalled_until(self.server) - loop.time()

    def _check_reach(self) -> None:
        """Raise if the server cannot be reached."""
        raise NotImplementedError

    async def _take_effect(self, name: str, method: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        raise NotImplementedError

    def _lose_answer(self, name: str) -> None:
        """Raise if the answer does not come back."""
        raise NotImplementedError


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
            loop.call_later(CALL_TIMEOUT_S, _fail, answer, error)

    def _check_reach(self) -> None:
        if self._process.cut_from and self.server in self._process.cut_from:
            raise BrokerUnavailable("simulated: the network does not carry anything to the broker")

    async def _take_effect(self, name: str, method: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if self._befalls(Ill.BROKER_LOST):
            raise BrokerUnavailable(f"simulated: {name} did not get there")
        for trap in self._process.traps:
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


def _fail(answer: asyncio.Future[Any], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)


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
