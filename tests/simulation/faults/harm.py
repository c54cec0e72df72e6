"""Carrying out the faults of a plan, each at its time.

What a fault needs of the world it takes from `Victims`; nothing here knows engines, workers or workflows.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from perdure_broker.memory_server import MemoryServer
from tests.simulation.faults.crash_points import Trap
from tests.simulation.faults.plan import FAULTS_S, Fault, Kind
from tests.simulation.process import Process
from tests.simulation.scenario import ENGINES, WORKERS
from tests.simulation.weather import Ill, Weather


class Victims(Protocol):
    """The world, as far as faults can reach it.

    Attributes:
        broker_clock_ms: how far the broker's clock is off.
        traps: those laid for the engine in each slot, whichever it is.
    """

    weather: Weather
    server: MemoryServer
    broker_clock_ms: float
    traps: dict[int, list[Trap]]

    def engine(self, slot: int) -> Process: ...

    def worker(self, slot: int) -> Process: ...

    def restart_engine(self, slot: int) -> None:
        """Ask an engine to stop in good order; another one begins in its place."""

    async def retire_worker(self, slot: int) -> None:
        """Ask a worker to stop in good order, and wait until it has done so, though not for ever."""

    def start_worker(self, slot: int) -> None:
        """Begin another worker, if the last one is dead."""

    def broker_lost_data(self) -> None:
        """The broker has lost all or some of what it held."""

    def record(self, fault: Fault) -> None:
        """A fault was carried out."""


class Harm:
    """Carries out a plan. `run` returns when its last fault is over."""

    def __init__(self, victims: Victims) -> None:
        self._victims = victims
        self._server = victims.server
        self._weather = victims.weather
        self._under_way: dict[asyncio.Task[None], None] = {}
        self._deeds: dict[Kind, Callable[[Fault], Coroutine[Any, Any, None]]] = {
            Kind.KILL_ENGINE: self._kill_engine,
            Kind.CRASH_ENGINE: self._lay_trap,
            Kind.STOP_ENGINE: self._stop_engine,
            Kind.FREEZE_ENGINE: self._lay_trap,
            Kind.RETIRE_ENGINE: self._retire_engine,
            Kind.SET_CLOCK: self._set_clock,
            Kind.CUT_ENGINE_FROM_STORE: self._cut_from_store,
            Kind.CUT_ENGINE_FROM_BROKER: self._cut_from_broker,
            Kind.KILL_WORKER: self._kill_worker,
            Kind.RETIRE_WORKER: self._retire_worker,
            Kind.STOP_WORKER: self._stop_worker,
            Kind.CUT_WORKER: self._cut_worker,
            Kind.SET_WORKER_CLOCK: self._set_worker_clock,
            Kind.STOP_BROKER: self._stop_broker,
            Kind.EMPTY_BROKER: self._empty_broker,
            Kind.FAIL_OVER_BROKER: self._fail_over,
            Kind.FILL_BROKER: self._fill_broker,
            Kind.SET_BROKER_CLOCK: self._set_broker_clock,
            Kind.STOP_STORE: self._stop_store,
            Kind.STALL_BROKER: self._stall_broker,
            Kind.STALL_STORE: self._stall_store,
            Kind.CUT_POWER: self._cut_power,
            Kind.SPELL: self._spell,
        }

    async def run(self, plan: tuple[Fault, ...]) -> None:
        for fault in plan:
            self._begin(self._carry_out(fault))
        self._begin(asyncio.sleep(FAULTS_S))
        while self._under_way:
            await asyncio.wait(list(self._under_way))
            for traps in self._victims.traps.values():
                traps.clear()

    def _begin(self, deed: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(deed)
        self._under_way[task] = None
        task.add_done_callback(self._under_way.pop)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        """The end of a fault, which may be called for from inside of its victim."""

        async def wait() -> None:
            await asyncio.sleep(seconds)
            act()

        contextvars.Context().run(self._begin, wait())

    async def _carry_out(self, fault: Fault) -> None:
        before_s = fault.amount if fault.kind is Kind.FAIL_OVER_BROKER else 0.0
        await asyncio.sleep(max(0.0, fault.at_s - before_s - asyncio.get_running_loop().time()))
        await self._deeds[fault.kind](fault)

    # Engines -------------------------------------------------------------------------------------------------------
    async def _kill_engine(self, fault: Fault) -> None:
        self._victims.record(fault)
        self._victims.engine(fault.slot).kill()

    async def _lay_trap(self, fault: Fault) -> None:
        """It is carried out when an engine falls into it, see `fell`."""
        self._victims.traps[fault.slot].append(Trap(fault))

    def fell(self, process: Process, trap: Trap) -> None:
        """A process is about to do what a trap waited for: it is dead from now on, or stopped."""
        self._victims.record(trap.fault)
        self._victims.traps[trap.fault.slot].remove(trap)
        if trap.fault.kind is Kind.CRASH_ENGINE:
            process.kill()
        else:
            process.stop()
            self._later(trap.fault.lasts_s, process.wake)

    async def _stop_engine(self, fault: Fault) -> None:
        await self._stop(self._victims.engine(fault.slot), fault)

    async def _retire_engine(self, fault: Fault) -> None:
        self._victims.record(fault)
        self._victims.restart_engine(fault.slot)

    async def _set_clock(self, fault: Fault) -> None:
        self._victims.record(fault)
        self._victims.engine(fault.slot).skew_us += int(fault.amount * 1_000_000)

    async def _cut_from_store(self, fault: Fault) -> None:
        await self._cut(self._victims.engine(fault.slot), "store", fault)

    async def _cut_from_broker(self, fault: Fault) -> None:
        await self._cut(self._victims.engine(fault.slot), "broker", fault)

    # Workers -------------------------------------------------------------------------------------------------------
    async def _kill_worker(self, fault: Fault) -> None:
        process = self._victims.worker(fault.slot)
        if process.is_alive:
            self._victims.record(fault)
            process.kill()
            await asyncio.sleep(fault.lasts_s)
            self._victims.start_worker(fault.slot)

    async def _retire_worker(self, fault: Fault) -> None:
        process = self._victims.worker(fault.slot)
        if process.is_alive:
            self._victims.record(fault)
            await self._victims.retire_worker(fault.slot)
            if process.is_alive:  # else another fault was faster, and begins another one
                process.kill()
                self._victims.start_worker(fault.slot)

    async def _stop_worker(self, fault: Fault) -> None:
        await self._stop(self._victims.worker(fault.slot), fault)

    async def _cut_worker(self, fault: Fault) -> None:
        await self._cut(self._victims.worker(fault.slot), "broker", fault)

    async def _set_worker_clock(self, fault: Fault) -> None:
        self._victims.record(fault)
        self._victims.worker(fault.slot).skew_us += int(fault.amount * 1_000_000)

    # Any process ---------------------------------------------------------------------------------------------------
    async def _stop(self, process: Process, fault: Fault) -> None:
        if process.is_running:
            self._victims.record(fault)
            process.stop()
            await asyncio.sleep(fault.lasts_s)
            process.wake()

    async def _cut(self, process: Process, server: str, fault: Fault) -> None:
        self._victims.record(fault)
        process.cut_from[server] = process.cut_from.get(server, 0) + 1
        await asyncio.sleep(fault.lasts_s)
        process.cut_from[server] -= 1
        if not process.cut_from[server]:
            del process.cut_from[server]

    # Servers -------------------------------------------------------------------------------------------------------
    async def _stop_broker(self, fault: Fault) -> None:
        self._victims.record(fault)
        self._server.stop()
        await asyncio.sleep(fault.lasts_s)
        self._server.start()

    async def _empty_broker(self, fault: Fault) -> None:
        self._victims.record(fault)
        self._server.flush()
        self._victims.broker_lost_data()
        if fault.amount:  # on another machine, to which everybody has to connect anew
            self._victims.broker_clock_ms -= fault.amount * 1_000
            self._server.stop()
            self._server.start()

    async def _fail_over(self, fault: Fault) -> None:
        """What came in the last moments is lost. The replica's clock may be behind: then ids go back."""
        saved, clock_ms = self._server.save(), self._victims.broker_clock_ms
        await asyncio.sleep(fault.amount)
        self._victims.record(fault)
        self._server.stop()
        self._server.restore(saved)
        self._victims.broker_lost_data()
        self._victims.broker_clock_ms = clock_ms - fault.amount * 2_000
        await asyncio.sleep(fault.lasts_s)
        self._server.start()

    async def _fill_broker(self, fault: Fault) -> None:
        self._victims.record(fault)
        self._server.full = True
        await asyncio.sleep(fault.lasts_s)
        self._server.full = False

    async def _set_broker_clock(self, fault: Fault) -> None:
        self._victims.record(fault)
        self._victims.broker_clock_ms += fault.amount * 1_000

    async def _stop_store(self, fault: Fault) -> None:
        self._victims.record(fault)
        self._weather.is_store_down = True
        await asyncio.sleep(fault.lasts_s)
        self._weather.is_store_down = False

    async def _stall_broker(self, fault: Fault) -> None:
        self._victims.record(fault)
        self._weather.stall("broker", fault.lasts_s)

    async def _stall_store(self, fault: Fault) -> None:
        self._victims.record(fault)
        self._weather.stall("store", fault.lasts_s)

    async def _cut_power(self, fault: Fault) -> None:
        """Of everything but the servers. Engines begin again by themselves."""
        self._victims.record(fault)
        for slot in range(ENGINES):
            self._victims.engine(slot).kill()
        for slot in range(WORKERS):
            self._victims.worker(slot).kill()
        await asyncio.sleep(fault.lasts_s)
        for slot in range(WORKERS):
            self._victims.start_worker(slot)

    # Calls ---------------------------------------------------------------------------------------------------------
    async def _spell(self, fault: Fault) -> None:
        self._victims.record(fault)
        self._weather.begin(fault.number, Ill(fault.word), fault.amount)
        await asyncio.sleep(fault.lasts_s)
        self._weather.end(fault.number)
