"""Lost workers: known by their silence, told to the run's shard, and never too early."""

from __future__ import annotations

import asyncio
import random

import pytest

from perdure.protocol.requests import ReportTaskLost, ReportUnreadable, decode_envelope, decode_request
from perdure.protocol.tasks import ActivityTask, QueryTask, TaskKind, encode_task, task_member
from perdure_broker.memory import MemoryBroker, MemoryLeases
from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import ClusterInfo, RunningTask, TaskEntry
from perdure_engine.matching import leases
from perdure_engine.matching.leases import LeaseWatch
from tests.engine_stage import ACTIVITIES, pass_time
from tests.simulation.process import Process

LEASE_MS = 3_000
RUN_ID = "5b0c1a52-7c43-5d0f-9a35-3f0a3f6d1c11"
TASK = ActivityTask(
    "default", "wf", RUN_ID, "type", 2, 5, 1, "a", "act", b"", True, b"", b"", 0, 0, 0, 0, 0, False, "queue"
)


class Bench:
    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.server = MemoryServer(now_ms=lambda: int(loop.time() * 1000) + 1)
        self.broker = MemoryBroker(self.server)
        self.leases = MemoryLeases(self.server)
        process = Process("one", random.Random(1), failed=lambda name, error: None)
        self.watch = LeaseWatch(self.broker, process, ACTIVITIES, ClusterInfo("cluster", 1, 4))

    async def hand_out(self, *tasks: ActivityTask | QueryTask | bytes) -> list[TaskEntry]:
        """Tasks that a worker takes at once."""
        for task in tasks:
            data = task if isinstance(task, bytes) else encode_task(task)
            await self.broker.publish_query(ACTIVITIES, data)
        return await self.broker.read_tasks([ACTIVITIES], "worker", count=5_000, block_ms=0)

    async def look_for(self, seconds: float, *, renewing: list[TaskEntry] | None = None) -> int:
        """Look as often as matching does. Returns how many were reported."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        count = 0
        while loop.time() < end:
            if renewing:
                self.leases.renew("worker", {renewing[0].stream: [entry.entry_id for entry in renewing]})
            count += await self.watch.look(LEASE_MS)
            await pass_time(LEASE_MS / 3000)
        return count

    def reports(self) -> list[ReportTaskLost]:
        found = []
        for stream in self.server.inboxes.values():
            for data in stream.all_data():
                _, sender, rows = decode_envelope(data)
                assert sender == "matching"
                found += [decode_request(row).request for row in rows]
        return found


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_a_silent_worker_is_reported_within_two_leases(bench: Bench) -> None:
    [entry] = await bench.hand_out(TASK)
    assert await bench.look_for(LEASE_MS / 1000 * 0.9) == 0
    assert await bench.look_for(LEASE_MS / 1000) == 1
    [report] = bench.reports()
    assert report == ReportTaskLost(RUN_ID, TaskKind.ACTIVITY, 5, 1, "worker", entry.stream, entry.entry_id)
    assert list(bench.server.inboxes) == [TASK.shard_id]


async def test_a_lease_that_is_renewed_is_never_lost(bench: Bench) -> None:
    held = await bench.hand_out(TASK)
    assert await bench.look_for(5 * LEASE_MS / 1000, renewing=held) == 0


async def test_a_report_is_repeated_after_a_lease_while_nothing_happens(bench: Bench) -> None:
    await bench.hand_out(TASK)
    assert 2 <= await bench.look_for(4 * LEASE_MS / 1000) <= 3


async def test_a_finished_entry_is_not_reported_again(bench: Bench) -> None:
    [entry] = await bench.hand_out(TASK)
    assert await bench.look_for(2 * LEASE_MS / 1000) == 1
    await bench.broker.finish(entry.stream, [entry.entry_id])
    assert await bench.look_for(4 * LEASE_MS / 1000) == 0


async def test_an_interruption_of_the_broker_starts_the_suspicion_anew(bench: Bench) -> None:
    await bench.hand_out(TASK)
    await pass_time(LEASE_MS / 1000 * 2)
    assert await bench.watch.look(LEASE_MS) == 0
    bench.watch.interrupted()
    await pass_time(LEASE_MS / 3000)
    assert await bench.watch.look(LEASE_MS) == 0
    await pass_time(LEASE_MS / 3000)
    assert await bench.watch.look(LEASE_MS) == 1


async def test_a_lost_query_is_dropped(bench: Bench) -> None:
    query = QueryTask("default", "wf", RUN_ID, "type", 2, 0, "how", b"", 0, "client", 1)
    await bench.hand_out(query)
    await bench.look_for(2 * LEASE_MS / 1000)
    assert bench.reports() == []
    assert not len(bench.server.queues[ACTIVITIES].stream)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xffnonsense", "not a msgpack value"),
        (encode_task(TASK._replace(shard_id=4)), "there are 4 shards"),
        (encode_task(TASK._replace(run_id="run")), "no UUID"),
    ],
)
async def test_what_is_no_task_goes_to_the_dead_letters(bench: Bench, data: bytes, reason: str) -> None:
    """The entry stays until it is kept: the shard that keeps it finishes it."""
    [entry] = await bench.hand_out(data)
    await bench.look_for(1.7 * LEASE_MS / 1000)
    [report] = bench.reports()
    assert isinstance(report, ReportUnreadable)
    assert (report.data, report.stream, report.entry_id) == (data, entry.stream, entry.entry_id)
    assert reason in report.reason
    assert report.source == "activity task queue queue"
    assert list(bench.server.inboxes) == [0]
    assert len(bench.server.queues[ACTIVITIES].stream) == 1


async def test_many_lost_tasks_are_all_reported(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "SCAN_PAGE", 10)
    await bench.hand_out(*(TASK._replace(scheduled_event_id=number) for number in range(35)))
    assert await bench.look_for(2 * LEASE_MS / 1000) == 35
    assert sorted(report.scheduled_event_id for report in bench.reports()) == list(range(35))


async def test_what_is_held_by_name_is_watched_like_an_entry(bench: Bench) -> None:
    key = bench.server.keys.queue(ACTIVITIES).stream
    running = [RunningTask(b"1-0", b"", task_member(RUN_ID, event_id, 2), 7) for event_id in (5, 6)]
    bench.leases.announce("worker", {key: running})

    async def look(seconds: float) -> int:
        count = 0
        for _ in range(int(seconds * 3000 / LEASE_MS)):
            bench.leases.renew_announced("worker", {key: [running[1].member]})
            count += await bench.watch.look(LEASE_MS)
            await pass_time(LEASE_MS / 3000)
        return count

    assert await look(LEASE_MS / 1000 * 0.9) == 0
    assert await look(LEASE_MS / 1000) == 1
    assert bench.reports() == [ReportTaskLost(RUN_ID, TaskKind.ACTIVITY, 5, 2, "worker", key, b"")]
    assert list(bench.server.inboxes) == [7]
    assert list(bench.server.queues[ACTIVITIES].announced) == [running[1].member]


async def test_a_name_that_is_none_is_dropped(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    key = bench.server.keys.queue(ACTIVITIES).stream
    bench.leases.announce("worker", {key: [RunningTask(b"1-0", b"", "nonsense", 7)]})
    await bench.look_for(3 * LEASE_MS / 1000)
    assert bench.reports() == []
    assert bench.server.queues[ACTIVITIES].announced == {}
    assert "'nonsense' names no attempt" in caplog.text
