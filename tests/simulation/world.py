"""The world of one simulation: servers, engines, workers, a client, and the faults that its seed chooses."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from perdure_broker.memory import MemoryBroker
from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import Broker, BrokerUnavailable
from perdure_engine.engine import Engine
from perdure_engine.history.committing import BatchLost
from perdure_store.memory import MemoryDatabase, MemoryStore
from perdure_store.port import BatchRejected, CommitBatch, Store, StoreError
from tests.simulation import knobs
from tests.simulation.auditor import audit, leftovers
from tests.simulation.client import POISON, Client, random_plan
from tests.simulation.ledger import Ledger
from tests.simulation.process import EPOCH_US, Process
from tests.simulation.virtual_loop import VirtualLoop
from tests.simulation.weather import BrokerWire, StoreWire, Weather, commit_hook
from tests.simulation.worker import LEASE_MS, Worker, WorkerBroker

FAULTS_S = 25.0
"""Virtual seconds in which faults happen; then everything works, and every workflow must come to its end."""

LIVENESS_S = 240.0
SETTLE_S = 150.0
ENGINES = 3
WORKERS = 2


@dataclass
class Verdict:
    """What came of one seed. `trace` is equal for two runs of it."""

    seed: int
    wrong: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    trace: str = ""
    seconds: float = 0.0


class Database(MemoryDatabase):
    """Refuses some workflows, as a database refuses a value that it cannot keep."""

    def commit(self, batch: CommitBatch) -> None:
        if any(row.workflow_id.startswith(POISON) for row in batch.executions):
            raise BatchRejected("simulated: this workflow cannot be kept")
        super().commit(batch)


class World:
    def __init__(self, seed: int, workflows: int) -> None:
        self.verdict = Verdict(seed)
        self._random = random.Random(seed)
        self._workflows = workflows
        self._cache_bytes = knobs.cache_bytes(self._random)
        self._shards = self._random.choice([1, 4, 4, 8])
        self._slots = self._random.choice([2, 20])
        self._adopts = self._random.choice([True, False])
        self._loop = asyncio.get_running_loop()
        self._weather = Weather()
        self._ledger = Ledger()
        self._trace = hashlib.blake2b(digest_size=8)
        self._database = Database()
        self._server = MemoryServer(now_ms=lambda: (EPOCH_US + int(self._loop.time() * 1_000_000)) // 1000)
        self._engines: dict[int, Process] = {}
        self._workers: dict[int, Process] = {}
        self._hosts: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()
        self._generation = 0

    # Parts ---------------------------------------------------------------------------------------------------------
    def _note(self, text: str) -> None:
        self._trace.update(f"{self._loop.time():.6f} {text}\n".encode())

    def _count(self, name: str) -> None:
        self.verdict.counts[name] = self.verdict.counts.get(name, 0) + 1
        self._note(name)

    def _fork(self) -> random.Random:
        return random.Random(self._random.getrandbits(64))

    def _failed(self, name: str, error: BaseException) -> None:
        if isinstance(error, BatchLost | StoreError | BrokerUnavailable):
            return  # told to whoever waits for the task
        self._ledger.violation(f"{name} died: {''.join(traceback.format_exception(error))}")

    def _process(self, kind: str) -> Process:
        self._generation += 1
        skew_us = self._random.choice([0, 0, 0, self._random.randint(-400_000, 400_000)]) if kind == "engine" else 0
        return Process(f"{kind}-{self._generation}", self._fork(), skew_us=skew_us, failed=self._failed)

    def _broker(self, process: Process, broker: MemoryBroker | None = None) -> Broker:
        target = broker or MemoryBroker(self._server)
        return cast(Broker, BrokerWire(target, process, self._weather, self._fork(), self._note))

    def _store(self, process: Process) -> Store:
        store = MemoryStore(self._database, on_commit=commit_hook(process, self._weather, self._fork()))
        return cast(Store, StoreWire(store, process, self._weather, self._fork(), self._note))

    async def _host_engine(self, slot: int) -> None:
        """Keep one engine running: a new process whenever the last one ended."""
        while not self._stop.is_set():
            process = self._engines[slot] = self._process("engine")
            engine = Engine(
                self._store(process),
                self._broker(process),
                process,
                node=process.name,
                lease_ms=LEASE_MS,
                cache_bytes_max=self._cache_bytes,
            )
            task = process.spawn(engine.run(self._stop), name="engine")
            try:
                await task
            except (StoreError, BrokerUnavailable):
                self._count("engines that gave up")
            except asyncio.CancelledError:
                if asyncio.current_task().cancelling():  # type: ignore[union-attr]  # inside a task
                    raise
            except Exception:
                self._count("engines that died")
            process.kill()
            await asyncio.sleep(self._random.uniform(0.1, 3))

    def _start_worker(self, slot: int) -> None:
        process = self._workers[slot] = self._process("worker")
        broker = WorkerBroker(self._server)
        wire = self._broker(process, broker)
        worker = Worker(
            process, wire, self._server, self._ledger, "queue", broker.handed_out_s, self._slots, self._adopts
        )
        process.spawn(worker.run(), name="run")

    # The course ----------------------------------------------------------------------------------------------------
    async def run(self) -> None:
        await MemoryStore(self._database).migrate(self._shards)
        self._hosts = [self._loop.create_task(self._host_engine(slot)) for slot in range(ENGINES)]
        for slot in range(WORKERS):
            self._start_worker(slot)
        process = self._process("client")
        client = Client(process, self._broker(process), self._ledger, self._shards)
        plans = [random_plan(index, self._random, FAULTS_S * 0.8) for index in range(self._workflows)]
        client.begin(plans)
        await self._do_harm()
        if not await self._within(LIVENESS_S, lambda: not client.open_plans):
            self._ledger.violation(f"not over {LIVENESS_S:g} s after the last fault: {client.open_plans}")
        elif not await self._within(SETTLE_S, lambda: not leftovers(self._database, self._server)):
            for text in leftovers(self._database, self._server):
                self._ledger.violation(f"left behind: {text}")
        await self._end(process)
        self.verdict.wrong = audit(self._database, self._ledger)
        self.verdict.trace = self._trace.hexdigest()
        self.verdict.seconds = self._loop.time()

    async def _within(self, seconds: float, is_so: Callable[[], bool]) -> bool:
        end = self._loop.time() + seconds
        while not is_so():
            if self._loop.time() > end:
                return False
            await asyncio.sleep(0.25)
        return True

    async def _end(self, client: Process) -> None:
        """Stop gracefully, and see that nothing is held any more."""
        self._stop.set()
        done, late = await asyncio.wait(self._hosts, timeout=60)
        if late:
            self._ledger.violation(f"{len(late)} engines did not stop within a minute")
            for task in late:
                task.cancel()
        elif not self._ledger.wrong:
            names = [process.name for process in self._engines.values()]
            held = [row for row in self._database.shards.values() if row.owner in names]
            stayed = [name for name in names if name in self._database.nodes]
            if held or stayed:
                self._ledger.violation(f"after a graceful stop: held {held}, not retired {stayed}")
        for process in [client, *self._workers.values(), *self._engines.values()]:
            process.kill()
        await asyncio.gather(*done, *late, return_exceptions=True)

    # Faults --------------------------------------------------------------------------------------------------------
    async def _do_harm(self) -> None:
        dice = self._random
        self._weather.commit_fault = dice.choice([0, 0.01, 0.05, 0.2])
        self._weather.store_fault = dice.choice([0, 0, 0.01, 0.05])
        self._weather.broker_fault = dice.choice([0, 0, 0.01, 0.05])
        self._weather.slow = dice.choice([0, 0.01, 0.05])
        harms: list[Callable[[], Any]] = [
            self._kill_engine, self._kill_engine, self._pause_engine, self._pause_engine, self._kill_worker,
            self._kill_worker, self._pause_worker, self._lose_broker, self._lose_store, self._fill_broker,
        ]  # fmt: skip
        if dice.random() < 0.4:
            harms.append(self._flush_broker)
        end = self._loop.time() + FAULTS_S
        under_way: list[asyncio.Task[None]] = []
        while True:
            await asyncio.sleep(dice.expovariate(1 / 2.0))
            if self._loop.time() > end:
                break
            under_way.append(self._loop.create_task(dice.choice(harms)()))
        await asyncio.gather(*under_way)
        self._weather.calm()

    async def _kill_engine(self) -> None:
        self._count("engines killed")
        self._engines[self._random.randrange(ENGINES)].kill()

    async def _pause_engine(self) -> None:
        process = self._engines[self._random.randrange(ENGINES)]
        if process.is_awake:
            self._count("engines stopped and woken")
            process.stop()
            await asyncio.sleep(self._random.choice([0.3, 2.0, 7.0, 12.0]))
            process.wake()

    async def _kill_worker(self) -> None:
        self._count("workers killed")
        slot = self._random.randrange(WORKERS)
        self._workers[slot].kill()
        await asyncio.sleep(self._random.uniform(0, 4))
        self._start_worker(slot)

    async def _pause_worker(self) -> None:
        process = self._workers[self._random.randrange(WORKERS)]
        if process.is_awake:
            self._count("workers stopped and woken")
            process.stop()
            await asyncio.sleep(self._random.choice([0.3, 3.0, 7.0]))
            process.wake()

    async def _lose_broker(self) -> None:
        self._count("brokers stopped")
        self._server.stop()
        await asyncio.sleep(self._random.choice([0.1, 1.0, 5.0]))
        self._server.start()

    async def _flush_broker(self) -> None:
        self._count("brokers emptied")
        self._ledger.flushes.append(self._loop.time())
        self._server.flush()

    async def _fill_broker(self) -> None:
        self._count("brokers full")
        self._server.full = True
        await asyncio.sleep(self._random.uniform(0.1, 3.0))
        self._server.full = False

    async def _lose_store(self) -> None:
        self._count("stores stopped")
        self._weather.is_store_down = True
        await asyncio.sleep(self._random.choice([0.1, 1.0, 5.0]))
        self._weather.is_store_down = False


def simulate(seed: int, workflows: int = 25, *, logs: bool = False) -> Verdict:
    """Run one seed from beginning to end. `logs`: let the engines log."""
    level = logging.getLogger("perdure").level
    if not logs:
        logging.getLogger("perdure").setLevel(logging.CRITICAL)
    loop = VirtualLoop()
    try:
        asyncio.set_event_loop(loop)
        with knobs.turned(random.Random(seed)):
            return loop.run_until_complete(_run(seed, workflows))
    finally:
        logging.getLogger("perdure").setLevel(level)
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        asyncio.set_event_loop(None)
        loop.close()
        gc.collect()


async def _run(seed: int, workflows: int) -> Verdict:
    world = World(seed, workflows)
    await world.run()
    return world.verdict
