"""What a worker holds by name, over a broker in memory."""

from __future__ import annotations

import itertools

import pytest

from perdure.protocol.fairness import Fairness
from perdure.protocol.tasks import WorkflowTask, encode_task, task_member
from perdure.worker.announcements import Announcements, Entry
from perdure_broker.memory import MemoryBroker, MemoryLeases
from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import StreamKind, TaskStream
from tests.worker_stage import QUEUE, activity_task

STREAM = TaskStream("default", QUEUE, StreamKind.ACTIVITY)


class Bench:
    def __init__(self) -> None:
        self.server = MemoryServer(now_ms=itertools.count(1).__next__)
        self.broker = MemoryBroker(self.server)
        self.leases = MemoryLeases(self.server)
        self.announcements = Announcements("me")
        self.members: dict[Entry, str] = {}

    async def held(self, count: int, fairness: Fairness | None = None) -> dict[Entry, bytes]:
        """Activities that this worker has taken."""
        for _ in range(count):
            await self.broker.publish_query(STREAM, encode_task(activity_task("work")._replace(fairness=fairness)))
        entries = await self.broker.read_tasks([STREAM], "me", count=count, block_ms=0)
        return {(entry.stream, entry.entry_id): entry.data for entry in entries}

    def by_name(self) -> set[str]:
        queue = self.server.queues.get(STREAM)
        return set(queue.announced) if queue is not None else set()


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_what_was_lost_counts_for_its_key(bench: Bench) -> None:
    lost = await bench.held(1, Fairness("acme"))
    bench.server.flush()
    bench.announcements.announce(bench.leases, lost)
    assert await bench.broker.out_by_key(STREAM) == {"acme": 1}


async def test_what_was_lost_is_announced_and_what_was_not_keeps_its_lease(bench: Bench) -> None:
    lost = await bench.held(2)
    bench.server.flush()
    kept = await bench.held(1)
    assert bench.announcements.announce(bench.leases, {**lost, **kept}) == [*lost, *kept]
    assert len(bench.announcements) == len(bench.by_name()) == 2
    assert all(entry in bench.announcements for entry in lost)
    assert not any(entry in bench.announcements for entry in kept)


async def test_only_activities_are_announced(bench: Bench) -> None:
    task = WorkflowTask("default", "wf", "run", "Order", 0, 2, 1, 0, 0, b"")
    held = {(b"stream", b"1-0"): encode_task(task), (b"stream", b"2-0"): b"\xffnonsense"}
    assert bench.announcements.announce(bench.leases, held) == []
    assert not bench.announcements


async def test_what_is_held_by_name_is_renewed_until_it_is_not_mine(bench: Bench) -> None:
    held = await bench.held(2)
    bench.server.flush()
    bench.announcements.announce(bench.leases, held)
    first, second = held
    assert bench.announcements.renew(bench.leases, [first, second, (b"stream", b"other")]) == []
    queue = bench.server.queues[STREAM]
    task = bench.announcements._members[first]
    del queue.announced[task]
    assert bench.announcements.renew(bench.leases, [first, second]) == [first]
    assert first not in bench.announcements
    assert second in bench.announcements


async def test_what_is_over_is_withdrawn(bench: Bench) -> None:
    held = await bench.held(2)
    bench.server.flush()
    bench.announcements.announce(bench.leases, held)
    _, second = held
    bench.announcements.withdraw(bench.leases, {second})
    assert bench.by_name() == {bench.announcements._members[second]}
    assert len(bench.announcements) == 1


async def test_another_loss_is_announced_anew(bench: Bench) -> None:
    held = await bench.held(1)
    for _ in range(2):
        bench.server.flush()
        bench.announcements.announce(bench.leases, held)
        assert len(bench.by_name()) == len(bench.announcements) == 1


async def test_a_name_tells_the_attempt(bench: Bench) -> None:
    task = activity_task("work", attempt=3, shard_id=7)
    held = {(bench.server.keys.queue(STREAM).stream, b"1-0"): encode_task(task)}
    bench.announcements.announce(bench.leases, held)
    [announced] = await bench.broker.scan_announced(STREAM, idle_ms=0)
    assert announced.member == task_member(task.run_id, task.scheduled_event_id, 3)
    assert (announced.shard_id, announced.worker) == (7, "me")
