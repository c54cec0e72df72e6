"""Simulated processes stop and die whole, and what they sent stays on its way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator

import pytest

from perdure_broker.memory import MemoryBroker
from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import BrokerUnavailable
from perdure_store.memory import MemoryDatabase, MemoryStore
from perdure_store.port import CommitBatch, ShardAdvance, UnknownOutcome
from tests.simulation.faults.crash_points import Trap
from tests.simulation.faults.plan import Fault, Kind
from tests.simulation.network import Network
from tests.simulation.process import Process
from tests.simulation.virtual_loop import Deadlock, Order, VirtualLoop
from tests.simulation.weather import Ill, Weather
from tests.simulation.wires import LATE_S, BrokerWire, StoreWire

Run = Callable[[Awaitable[None]], None]

PROCESSES: list[Process] = []
"""Those that the test under way has made."""


@pytest.fixture
def run() -> Iterator[Run]:
    """Runs a coroutine on virtual time, and ends what it leaves, the dead included."""
    loop = VirtualLoop()

    async def run_and_end(work: Awaitable[None]) -> None:
        await work
        for process in PROCESSES:
            process.discard()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    yield lambda work: loop.run_until_complete(run_and_end(work))
    loop.close()
    PROCESSES.clear()


def a_process() -> Process:
    def failed(task: str, error: BaseException) -> None:
        raise AssertionError(f"{task} failed") from error

    process = Process("engine-0.0", random.Random(1), failed=failed)
    PROCESSES.append(process)
    return process


class Watched(MemoryDatabase):
    """Tells when a batch is written."""

    on_written: Callable[[], None]

    def commit(self, batch: CommitBatch) -> None:
        super().commit(batch)
        self.on_written()


class Fallen:
    """A network whose traps kill or stop as their faults say."""

    def __init__(self) -> None:
        self.weather = Weather()
        self.points: list[str] = []
        self.network = Network(1, self.weather, lambda text: None, self._fell)

    def _fell(self, process: Process, trap: Trap) -> None:
        self.points.append(trap.fault.word)
        process.traps.remove(trap)
        if trap.fault.kind is Kind.CRASH_ENGINE:
            process.kill()
        else:
            process.stop()


def test_a_stopped_process_goes_on_where_it_was(run: Run) -> None:
    seen: list[tuple[float, int]] = []

    async def count(process: Process) -> None:
        for number in range(4):
            seen.append((round(process.monotonic(), 3), number))
            await asyncio.sleep(1)

    async def story() -> None:
        process = a_process()
        task = process.spawn(count(process), name="count")
        await asyncio.sleep(1.5)
        process.stop()
        await asyncio.sleep(10)
        assert not process.is_awake
        process.wake()
        await task

    run(story())
    assert seen == [(0.0, 0), (1.0, 1), (11.5, 2), (12.5, 3)]


def test_a_killed_process_runs_no_line_more(run: Run) -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            ended.append("finally")

    async def parent() -> None:
        child = asyncio.get_running_loop().create_task(work())
        child.add_done_callback(lambda _: ended.append("callback"))
        await child

    async def story() -> None:
        process = a_process()
        process.spawn(parent(), name="parent")
        await asyncio.sleep(0.5)
        process.kill()
        await asyncio.sleep(10)
        assert process.ended.done()
        assert ended == []

    run(story())
    assert ended == ["finally", "callback"], "what is discarded ends, after the simulation"


def test_what_was_ready_when_a_process_is_stopped_waits(run: Run) -> None:
    seen: list[str] = []

    async def say(text: str) -> None:
        seen.append(text)

    async def story() -> None:
        process = a_process()
        process.spawn(say("held"), name="say")  # ready, and not called yet
        process.stop()
        await asyncio.sleep(1)
        assert seen == []
        process.wake()
        await asyncio.sleep(0)
        assert seen == ["held"]

    run(story())


@pytest.mark.parametrize("order", ["fifo", "shuffled", "newest"])
def test_a_seed_chooses_who_is_next(order: Order) -> None:
    def turns(seed: int) -> list[int]:
        seen: list[int] = []

        async def take_turns(number: int) -> None:
            for _ in range(5):
                seen.append(number)
                await asyncio.sleep(0)

        async def story() -> None:
            await asyncio.gather(*(take_turns(number) for number in range(4)))

        loop = VirtualLoop(random.Random(seed), order)
        loop.run_until_complete(story())
        loop.close()
        return seen

    assert turns(1) == turns(1)
    assert sorted(turns(1)) == sorted(list(range(4)) * 5)
    assert (turns(1) == turns(2)) is (order == "fifo")


def test_waiting_for_nothing_is_an_error() -> None:
    loop = VirtualLoop()
    stuck = loop.create_task(asyncio.Event().wait())
    with pytest.raises(Deadlock):
        loop.run_until_complete(stuck)
    stuck.cancel()
    loop.call_later(0, lambda: None)
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(stuck)
    loop.close()


def test_what_a_process_sent_arrives_although_it_died(run: Run) -> None:
    async def story() -> None:
        server, process = MemoryServer(), a_process()
        wire = BrokerWire(MemoryBroker(server), process, Fallen().network)
        process.spawn(wire.send([(1, b"request")]), name="send")
        await asyncio.sleep(0)
        process.kill()
        await asyncio.sleep(1)
        assert len(server.inboxes[1]) == 1

    run(story())


def test_calls_of_one_connection_arrive_in_order(run: Run) -> None:
    async def story() -> None:
        server, process, fallen = MemoryServer(), a_process(), Fallen()
        fallen.weather.begin(1, Ill.SLOW, 0.5)
        wire = BrokerWire(MemoryBroker(server), process, fallen.network)
        for number in range(30):
            process.spawn(wire.send([(1, b"%d" % number)]), name="send")
            if number == 15:
                await asyncio.sleep(0.05)
                fallen.weather.stall("broker", 2)
        await asyncio.sleep(60)
        found = [int(data) for _, data in server.inboxes[1].after(b"0-0", 100)]
        assert found == list(range(30))

    run(story())


def test_what_is_late_is_not_carried_out_once_its_sender_goes_on(run: Run) -> None:
    async def story() -> None:
        server, process, fallen = MemoryServer(), a_process(), Fallen()
        wire = BrokerWire(MemoryBroker(server), process, fallen.network)

        async def send(data: bytes) -> None:
            await wire.send([(1, data)])

        async def send_late(data: bytes) -> None:
            fallen.weather.begin(1, Ill.BROKER_LATE, 1.0)
            with pytest.raises(BrokerUnavailable):
                await process.spawn(send(data), name="send")
            fallen.weather.end(1)

        await send_late(b"replaced")
        await process.spawn(send(b"in its place"), name="send")
        await send_late(b"the last words")
        process.kill()
        await asyncio.sleep(LATE_S)
        assert [data for _, data in server.inboxes[1].after(b"0-0", 9)] == [b"in its place", b"the last words"]

    run(story())


def test_a_commit_whose_connection_breaks_has_an_unknown_outcome(run: Run) -> None:
    async def story() -> None:
        database, process, fallen = Watched(), a_process(), Fallen()
        await MemoryStore(database).migrate(1)
        await MemoryStore(database).acquire_shard(0, "me")
        wire = StoreWire(MemoryStore(database), process, fallen.network)
        batch = CommitBatch(shards=[ShardAdvance(0, 1, 0, "", "0-0", 1, 0)])
        commit = process.spawn(wire.commit(batch), name="commit")
        database.on_written = lambda: setattr(fallen.weather, "is_store_down", True)
        with pytest.raises(UnknownOutcome):
            await commit
        assert database.shards[0].commit_seq == 1

    run(story())


@pytest.mark.parametrize("kind", [Kind.CRASH_ENGINE, Kind.FREEZE_ENGINE])
@pytest.mark.parametrize(
    ("point", "is_sent"),
    [("leases: lost tasks not reported yet", False), ("leases: lost tasks reported, and not told", True)],
)
def test_a_process_falls_into_a_trap_at_its_point(run: Run, kind: Kind, point: str, is_sent: bool) -> None:
    async def story() -> None:
        server, process, fallen = MemoryServer(), a_process(), Fallen()
        process.traps.append(Trap(Fault(0, kind, 0.0, word=point, amount=1)))
        wire = BrokerWire(MemoryBroker(server), process, fallen.network)

        async def send_twice() -> None:
            await wire.send([(1, b"passes")])
            await wire.send([(1, b"falls")])

        sending = process.spawn(send_twice(), name="send")
        await asyncio.sleep(1)
        assert fallen.points == [point]
        assert len(server.inboxes[1]) == 1 + is_sent
        process.wake()
        await asyncio.sleep(1)
        assert sending.done() is (kind is Kind.FREEZE_ENGINE)

    run(story())


def test_the_dead_fall_into_no_trap(run: Run) -> None:
    """What they sent is still on its way, and the next process of their slot has the same traps."""

    async def story() -> None:
        process, fallen = a_process(), Fallen()
        process.traps.append(Trap(Fault(0, Kind.CRASH_ENGINE, 0.0, word="leases: lost tasks reported, and not told")))
        process.spawn(
            BrokerWire(MemoryBroker(MemoryServer()), process, fallen.network).send([(1, b"sent")]), name="send"
        )
        await asyncio.sleep(0)
        process.kill()
        await asyncio.sleep(1)
        assert fallen.points == []
        assert len(process.traps) == 1

    run(story())


def test_a_process_that_is_cut_off_cannot_reach_the_broker(run: Run) -> None:
    async def story() -> None:
        process, fallen = a_process(), Fallen()
        wire = BrokerWire(MemoryBroker(MemoryServer()), process, fallen.network)
        process.cut_from["broker"] = 1
        with pytest.raises(BrokerUnavailable):
            await process.spawn(wire.epoch(), name="epoch")
        del process.cut_from["broker"]
        assert await process.spawn(wire.epoch(), name="epoch")

    run(story())
