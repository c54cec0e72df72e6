"""The network: carries each call of a process to its server and the answer back, in tasks that belong to no process.

Role: what was sent arrives although its sender was stopped or killed meanwhile. Here is what all servers share:
latency, servers that stall, blocking reads that end with their connection, and the traps of crash points. What
distinguishes the servers is in `wires`.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Callable, Coroutine
from typing import Any

from perdure_broker.port import BrokerUnavailable
from perdure_store.port import StoreError
from tests.simulation.faults.crash_points import Moment, Trap
from tests.simulation.process import Process
from tests.simulation.virtual_loop import DOMAIN
from tests.simulation.weather import Ill, Weather

BLOCKING = frozenset({"read_inboxes", "read_replies", "read_tasks", "read_frontend"})

LATENCY_S = (0.0001, 0.001)
SLOW_S = (0.01, 0.8)

CUT_S = (0.05, 1.0)
"""How long a process takes to notice that a server cannot be reached."""


def fail(answer: asyncio.Future[Any], error: Exception) -> None:
    """Nobody may wait for the answer any more, or may have been told already."""
    if not answer.done():
        answer.set_exception(error)


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
        for trap in self._traps():
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

    def _traps(self) -> list[Trap]:
        """Those that the process can fall into: what is still on its way of one that does not run falls into none."""
        return self._process.traps if self._process.is_running else []

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
            for trap in self._traps():
                if trap.waits_at(name, Moment.AFTER):
                    await self._fall(trap)
                    break
            await asyncio.sleep(self._latency_s())
            self._lose_answer(name)
        except (StoreError, BrokerUnavailable) as error:
            if process.cut_from and self.server in process.cut_from:
                await asyncio.sleep(self._random.uniform(*CUT_S))
            fail(answer, error)
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
