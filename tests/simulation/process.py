"""One simulated process: an `Environment` whose tasks can be held still and let go, or never run again.

Rules:
- Every task and callback that begins inside of a process belongs to it (see `virtual_loop`): code under test needs no
  gate and no switch.
- A killed process runs no line more, not even a `finally`. A stopped one goes on exactly where it was.
- What it sent before stays on its way: that is the network's (see `network`).
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from tests.simulation.virtual_loop import DOMAIN, Domain, VirtualLoop

if TYPE_CHECKING:
    from tests.simulation.faults.crash_points import Trap

EPOCH_US = 1_800_000_000_000_000
"""What the clocks show when a simulation begins."""


class Process(Domain):
    """Args:
        failed: told of spawned tasks that ended by an exception nobody took.

    Attributes:
        skew_us: how far this machine's clock is off.
        cut_from: the servers ("store", "broker") that it cannot reach now.
        traps: what is to befall it at one of its calls.
        reads: its blocking reads that are under way.
        ended: done once it is dead.
        is_discarded: the simulation is over; tasks run once more, to end, and reach nobody.
    """

    def __init__(self, name: str, generator: random.Random, *, failed: Callable[[str, BaseException], None]) -> None:
        super().__init__()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.name = name
        self.random = generator
        self.skew_us = 0
        self.cut_from: dict[str, int] = {}
        self.traps: list[Trap] = []
        self.reads: dict[asyncio.Task[None], None] = {}
        self.is_alive = True
        self.is_discarded = False
        self.ended: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._failed = failed

    # Environment ---------------------------------------------------------------------------------------------------
    def now_us(self) -> int:
        return EPOCH_US + self.skew_us + int(self._loop.time() * 1_000_000)

    def monotonic(self) -> float:
        return self._loop.time()

    def spawn(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        context = contextvars.copy_context()
        if context.get(DOMAIN) is not self:
            context.run(DOMAIN.set, self)
        full_name = f"{self.name}/{name}"
        task = self._loop.create_task(coroutine, name=full_name, context=context)
        task.add_done_callback(self._ended)
        return task

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if self.is_alive and not task.cancelled() and (error := task.exception()) is not None:
            self._failed(task.get_name(), error)

    # Faults --------------------------------------------------------------------------------------------------------
    @property
    def is_awake(self) -> bool:
        """Alive, and not stopped."""
        return self.is_running

    async def gate(self) -> None:
        """Give others a turn; a process that does not run stays here."""
        await asyncio.sleep(0)

    def stop(self) -> None:
        """SIGSTOP."""
        if self.is_alive:
            self._loop.hold(self)

    def wake(self) -> None:
        """SIGCONT."""
        if self.is_alive and not self.is_running:
            self._loop.let_go(self)

    def kill(self) -> None:
        """SIGKILL."""
        if not self.is_alive:
            return
        self.is_alive = False
        self._loop.hold(self)
        self.ended.set_result(None)
        if self.random.random() < 0.5:  # else the server has not noticed yet, and reads go on being served
            for read in self.reads:
                read.cancel()

    def discard(self) -> list[asyncio.Task[Any]]:
        """The simulation is over: cancel everything. Returns the tasks; they end when the loop runs on."""
        self.is_discarded = True
        self.is_alive = False
        if not self.is_running:
            self._loop.let_go(self)
        tasks = [task for task in self.tasks if not task.done()]
        for task in tasks:
            task.cancel()
        return tasks
