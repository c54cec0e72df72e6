"""The world between a process and its servers: latency, and calls that fail before or after they took effect."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from perdure_broker.port import BrokerUnavailable
from perdure_store.memory import CommitFault
from perdure_store.port import BatchRejected, CommitBatch, FenceLost, StoreUnavailable, UnknownOutcome
from tests.simulation.process import Process

BLOCKING = frozenset({"read_inboxes", "read_replies", "read_tasks", "read_frontend"})


@dataclass
class Weather:
    """How likely each fault is, per call. Calm when all are 0."""

    commit_fault: float = 0.0
    store_fault: float = 0.0
    broker_fault: float = 0.0
    slow: float = 0.0
    is_store_down: bool = False

    def calm(self) -> None:
        self.commit_fault = self.store_fault = self.broker_fault = self.slow = 0.0
        self.is_store_down = False


class Wire:
    """What one process has in place of a store or a broker: the same methods, over a bad connection.

    Args:
        note: told of each call, for the trace that two runs of a seed must share.
    """

    def __init__(
        self, target: Any, process: Process, weather: Weather, generator: random.Random, note: Callable[[str], None]
    ) -> None:
        self._target = target
        self._process = process
        self._weather = weather
        self._random = generator
        self._note = note

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method = getattr(self._target, name)

        async def call(*args: Any, **options: Any) -> Any:
            await self._travel()
            self._note(f"{self._process.name}.{name}")
            self._fail(name, "before it took effect")
            self._delay(name, args)
            result = await method(*args, **options)
            await self._travel()
            if name not in BLOCKING:
                self._fail(name, "after it took effect")
            return result

        return call

    async def _travel(self) -> None:
        seconds = self._random.uniform(0.0001, 0.001)
        if self._random.random() < self._weather.slow:
            seconds = self._random.uniform(0.01, 0.8)
        await self._process.sleep(seconds)

    def _fail(self, name: str, when: str) -> None:
        """To be overridden."""

    def _delay(self, name: str, args: tuple[Any, ...]) -> None:
        """To be overridden."""


class BrokerWire(Wire):
    def _fail(self, name: str, when: str) -> None:
        if self._random.random() < self._weather.broker_fault:
            raise BrokerUnavailable(f"simulated: {name} failed {when}")


class StoreWire(Wire):
    """Commits fail by the hook of the store, see `commit_fault`."""

    def _fail(self, name: str, when: str) -> None:
        if self._weather.is_store_down and when.startswith("before"):
            raise StoreUnavailable("simulated: the database is down")
        if name != "commit" and self._random.random() < self._weather.store_fault:
            raise StoreUnavailable(f"simulated: {name} failed {when}")

    def _delay(self, name: str, args: tuple[Any, ...]) -> None:
        """The connection is lost, and the commit that was on its way arrives later: before or after it is repeated."""
        if name == "commit" and self._random.random() < self._weather.commit_fault / 4:
            asyncio.get_running_loop().call_later(self._random.uniform(0, 0.3), self._arrive, args[0])
            raise UnknownOutcome("simulated: the connection was lost, and the commit is still on its way")

    def _arrive(self, batch: CommitBatch) -> None:
        with contextlib.suppress(FenceLost, BatchRejected):
            self._target.database.commit(batch)


FAULTS = [
    CommitFault.UNAVAILABLE,
    CommitFault.CONFLICT,
    CommitFault.UNKNOWN_LOST,
    CommitFault.UNKNOWN_WRITTEN,
]


def commit_hook(
    process: Process, weather: Weather, generator: random.Random
) -> Callable[[CommitBatch], Coroutine[Any, Any, CommitFault]]:
    async def decide(batch: CommitBatch) -> CommitFault:
        await process.sleep(generator.uniform(0.0005, 0.005))
        if generator.random() < weather.commit_fault:
            return generator.choice(FAULTS)
        return CommitFault.NONE

    return decide
