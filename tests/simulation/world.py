"""The world of one simulation: servers, engines, a crew of workers and a client, and the faults of its scenario.

Rules: everything that a scenario leaves open is drawn from generators that it names, so a scenario runs twice in
exactly the same way. Faults come first; then everything works again, and every workflow must come to its end.
"""

from __future__ import annotations

import asyncio
import hashlib
import traceback
from collections.abc import Callable
from typing import cast

from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import Broker, BrokerUnavailable
from perdure_engine.engine import Engine
from perdure_engine.history.committing import BatchLost
from perdure_store.memory import MemoryStore
from perdure_store.port import Store, StoreError
from tests.simulation import crew
from tests.simulation.auditor import audit, check_cursors, leftovers
from tests.simulation.auditor.states import check_states
from tests.simulation.census import take_census
from tests.simulation.database import Database
from tests.simulation.faults.crash_points import Trap
from tests.simulation.faults.harm import Harm
from tests.simulation.faults.plan import FAULTS_S, Fault, Kind
from tests.simulation.flow_tap import WatchedBroker
from tests.simulation.ledger import Ledger
from tests.simulation.network import Network
from tests.simulation.process import EPOCH_US, Process
from tests.simulation.rules import Rule
from tests.simulation.scenario import ENGINES, WORKERS, Scenario
from tests.simulation.sdk_worker import SdkWorker
from tests.simulation.task_plans import MORNING_S, NIGHT_S
from tests.simulation.transcript import Transcript
from tests.simulation.verdict import Verdict
from tests.simulation.virtual_loop import VirtualLoop
from tests.simulation.weather import Weather
from tests.simulation.wires import BrokerWire, StoreWire
from tests.simulation.worker import LEASE_MS

LIVENESS_S = 240.0
"""After the last fault every workflow must be over within so many seconds."""

SETTLE_S = 240.0
"""And then everything must be gone that is not needed any more."""

EMPTY_S = 200.0
"""Seconds after which nothing of workers and clients that are gone may be left in the broker."""

STOP_S = 60.0

CLOCK_OF_BROKER = (Kind.SET_BROKER_CLOCK, Kind.EMPTY_BROKER, Kind.FAIL_OVER_BROKER)
"""What sets the clock of the broker, now and then at least."""

LOOKS = 3
"""How often the memories of the engines are looked into while faults happen."""


class World:
    """Carries out one scenario. Implements `faults.harm.Victims`."""

    def __init__(self, scenario: Scenario, transcript: Transcript) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.verdict = Verdict(scenario.seed)
        self.weather = Weather()
        self.broker_clock_ms = 0.0
        self.traps: dict[int, list[Trap]] = {slot: [] for slot in range(ENGINES)}
        self.server = MemoryServer(now_ms=self._broker_now_ms)
        self.ledger = Ledger(clocks_are_right=_are_clocks_right(scenario), has_faults=bool(scenario.faults))
        self.database = Database(self.ledger)
        self._scenario = scenario
        self._transcript = transcript
        self._loop = loop
        self._trace = hashlib.blake2b(digest_size=8)
        self._harm = Harm(self)
        self._network = Network(scenario.seed, self.weather, self._note, self._harm.fell)
        self._site = crew.Site(scenario, self.server, self._network, self.ledger, self._begin)
        self._processes: dict[str, Process] = {}
        self._engines: dict[int, Engine] = {}
        self._processes_of_engines: dict[int, Process] = {}
        self._workers: dict[int, Process] = {}
        self._programs: dict[int, SdkWorker] = {}
        self._stops: dict[int, asyncio.Event] = {}
        self._hosts: list[asyncio.Task[None]] = []
        self._retired: dict[str, bool] = {}  # by name: whether everything worked when it was asked to stop
        self._is_over = False
        self._day = asyncio.Event()
        self._day.set()

    def _broker_now_ms(self) -> int:
        return int(EPOCH_US / 1000 + self._loop.time() * 1000 + self.broker_clock_ms)

    # The course ----------------------------------------------------------------------------------------------------
    async def run(self) -> None:
        await MemoryStore(self.database).migrate(self._scenario.shards)
        crew.prepare(self._scenario, self.database, self.ledger)
        self._hosts = [self._loop.create_task(self._host_engine(slot)) for slot in range(ENGINES)]
        for slot in range(WORKERS):
            self.start_worker(slot)
        clients = crew.start_clients(self._site)
        looks = self._loop.create_task(self._watch_states())
        await self._harm.run(self._scenario.faults)
        await looks
        self.weather.calm()
        self._transcript.write("the faults are over")
        is_done = await self._is_done(clients)
        if is_done and self._scenario.has_night:
            await self._pass_the_night()
            clients.is_morning = True
            is_done = await self._is_done(clients)
        if is_done and await self._settles(SETTLE_S) and await self._takes_stock(clients) and self._scenario.empties:
            for process in self._processes.values():
                if not process.name.startswith("engine"):
                    process.kill()
            await self._settles(EMPTY_S)
        await self._end()

    async def _is_done(self, clients: crew.Clients) -> bool:
        """Whether clients come to the end of what they have to do."""
        if await self._within(LIVENESS_S, lambda: not clients.open_plans):
            return True
        text = f"not over after {LIVENESS_S:g} s without a fault: {clients.open_plans}"
        self.ledger.violation(text, Rule.LIVENESS)
        return False

    async def _pass_the_night(self) -> None:
        """Engines and workers are off, and clients sleep: time passes, and nobody takes notice."""
        self._transcript.write("everything is off for the night")
        self._day.clear()
        clients = [process for process in self._processes.values() if process.name.startswith("client")]
        for process in self._processes.values():
            if process in clients:
                process.stop()
            else:
                process.kill()
        await asyncio.sleep(NIGHT_S - MORNING_S - self._loop.time())
        self._day.set()
        for process in clients:
            process.wake()
        for slot in range(WORKERS):
            self.start_worker(slot)

    async def _takes_stock(self, clients: crew.Clients) -> bool:
        clients.take_stock()
        return not self._scenario.tasks or await self._is_done(clients)

    def judge(self) -> None:
        """Let the auditor judge, once `run` is over."""
        verdict = self.verdict
        if not self.ledger.losses_s:
            self.ledger.findings.extend(check_cursors(self.database, self.server))
        verdict.wrong = audit(self.database, self.ledger, crew.MODELS)
        verdict.trace = self._trace.hexdigest()
        verdict.seconds = self._loop.time()
        verdict.work = take_census(self.database)
        verdict.calls.update(self.weather.befell)

    def discard(self) -> list[asyncio.Task[None]]:
        """End everything that still runs, the dead included. Returns what ends when the loop runs on."""
        tasks = self._network.discard()
        for process in self._processes.values():
            tasks += process.discard()
        return tasks

    async def _within(self, seconds: float, is_so: Callable[[], bool]) -> bool:
        end = self._loop.time() + seconds
        while not is_so():
            if self._loop.time() > end:
                return False
            await asyncio.sleep(0.5)
        return True

    async def _settles(self, seconds: float) -> bool:
        """Nothing must be left behind for longer than so many seconds."""
        self._check_states()
        if await self._within(seconds, lambda: not self._leftovers()):
            return True
        for text in self._leftovers():
            self.ledger.violation(text, Rule.LEFT_BEHIND)
        return False

    async def _watch_states(self) -> None:
        """Now and then, while faults happen, look into the memories of the engines."""
        dice = self._scenario.dice("looks")
        for _ in range(LOOKS):
            await asyncio.sleep(dice.uniform(0, 2 * FAULTS_S / LOOKS))
            self._check_states()

    def _check_states(self) -> None:
        for slot, engine in self._engines.items():
            if engine.history is not None and self._processes_of_engines[slot].is_alive:
                self.ledger.findings.extend(check_states(engine.history, self.database))

    def _leftovers(self) -> list[str]:
        alive = [process.name for process in self._processes.values() if process.is_alive]
        return leftovers(self.database, self.server, alive)

    async def _end(self) -> None:
        """Stop gracefully, and see that nothing is held any more."""
        self._is_over = True
        for stop in self._stops.values():
            stop.set()
        _, late = await asyncio.wait(self._hosts, timeout=STOP_S)
        if late:
            self.ledger.violation(f"{len(late)} engines did not stop within {STOP_S:g} s", Rule.GRACEFUL_STOP)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        elif not self.ledger.findings:
            held = [row for row in self.database.shards.values() if row.owner in self._retired]
            # One that stopped while the database was away says so, and leaves its row to those who notice its silence.
            stayed = [name for name, could in self._retired.items() if could and name in self.database.nodes]
            if held or stayed:
                self.ledger.violation(f"held {held}, not retired {stayed}", Rule.GRACEFUL_STOP)

    # Processes -----------------------------------------------------------------------------------------------------
    def _begin(self, kind: str, slot: int = 0) -> Process:
        generation = sum(name.startswith(f"{kind}-{slot}.") for name in self._processes)
        name = f"{kind}-{slot}.{generation}"
        process = self._processes[name] = Process(name, self._scenario.dice(name), failed=self._failed)
        self._transcript.write(f"{name} begins")
        return process

    def _failed(self, name: str, error: BaseException) -> None:
        if isinstance(error, BatchLost | StoreError | BrokerUnavailable):
            return  # told to whoever waits for the task
        self.ledger.violation(f"{name} died: {''.join(traceback.format_exception(error))}", Rule.PROCESS_DIED)

    async def _host_engine(self, slot: int) -> None:
        """Keep one engine running: a new process whenever the last one ended."""
        while not self._is_over:
            process = self._processes_of_engines[slot] = self._begin("engine", slot)
            process.skew_us = self._scenario.skews_us[slot]
            process.traps = self.traps[slot]
            stop = self._stops[slot] = asyncio.Event()
            engine = self._engines[slot] = Engine(
                cast(Store, StoreWire(MemoryStore(self.database), process, self._network)),
                cast(Broker, BrokerWire(WatchedBroker(self.server, self.ledger), process, self._network)),
                process,
                node=process.name,
                lease_ms=LEASE_MS,
                cache_bytes_max=self._scenario.cache_bytes,
            )
            task = process.spawn(engine.run(stop), name="engine")
            await asyncio.wait([task, process.ended], return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                if task.exception() is None:
                    self._retired[process.name] = self._is_over
                self._transcript.write(f"{process.name} ended: {task.exception() or 'in good order'}")
                process.kill()
            await asyncio.sleep(process.random.uniform(0.1, 3) if not self._is_over else 0)
            await self._day.wait()

    # What faults can reach -----------------------------------------------------------------------------------------
    def engine(self, slot: int) -> Process:
        return self._processes_of_engines[slot]

    def worker(self, slot: int) -> Process:
        return self._workers[slot]

    def restart_engine(self, slot: int) -> None:
        """Ask an engine to stop in good order; another one begins in its place."""
        self._stops[slot].set()

    def start_worker(self, slot: int) -> None:
        """Begin another worker, if the last one is dead."""
        if slot in self._workers and self._workers[slot].is_alive:
            return
        process = self._workers[slot] = self._begin("worker", slot)
        self._programs[slot] = crew.start_worker(self._site, process, slot)

    async def retire_worker(self, slot: int) -> None:
        """Ask a worker to stop in good order, and wait until it has done so, though not for ever."""
        process = self._workers[slot]
        stopping = process.spawn(self._programs[slot].shut_down(), name="shutdown")
        await asyncio.wait([stopping, process.ended], timeout=STOP_S, return_when=asyncio.FIRST_COMPLETED)

    def broker_lost_data(self) -> None:
        """The broker has lost all or some of what it held."""
        self.ledger.lost(self._loop.time())

    def record(self, fault: Fault) -> None:
        """A fault was carried out."""
        name = f"spell of {fault.word}" if fault.kind is Kind.SPELL else fault.kind.value
        self.verdict.faults[name] += 1
        if fault.kind in CLOCK_OF_BROKER:
            self.ledger.broker_jumps_s.append(self._loop.time())
        if fault.kind in (Kind.CRASH_ENGINE, Kind.FREEZE_ENGINE):
            self.verdict.crashes[fault.word] += 1
        self._note(name)
        self._transcript.write(f"fault {fault.number}: {fault}")

    def _note(self, text: str) -> None:
        self._trace.update(f"{self._loop.time():.6f} {text}\n".encode())


def _are_clocks_right(scenario: Scenario) -> bool:
    return not any(scenario.skews_us) and not any(fault.kind is Kind.SET_CLOCK for fault in scenario.faults)
