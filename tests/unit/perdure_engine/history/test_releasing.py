"""Releasing: what a stream does not take has a place to go, and a lost broker only delays."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping

import pytest

from perdure.protocol.tasks import TaskKind, WorkflowTask, decode_task, task_member
from perdure_broker.memory import MemoryBroker
from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import (
    BrokerUnavailable,
    Outbox,
    Publication,
    PublishResult,
    StreamKind,
    TaskStream,
    WorkerInfo,
)
from perdure_engine.history.batch import Batch
from perdure_engine.history.releasing import Releaser
from perdure_engine.history.windows import Windows
from perdure_store.memory import MemoryStore
from perdure_store.port import TransferKey, TransferRow
from tests.engine_stage import ACTIVITIES, WORKFLOWS
from tests.simulation.process import Process

STICKY = WORKFLOWS._replace(kind=StreamKind.STICKY, worker="w")


class FailingBroker(MemoryBroker):
    """Loses the answer to releases that took effect."""

    def __init__(self, server: MemoryServer) -> None:
        super().__init__(server)
        self.failures = 0

    async def release(self, outbox: Outbox, ranges: Mapping[int, int]) -> dict[TaskStream, PublishResult]:
        results = await super().release(outbox, ranges)
        if self.failures:
            self.failures -= 1
            raise BrokerUnavailable("the answer was lost")
        return results


class Bench:
    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.server = MemoryServer(now_ms=lambda: int(loop.time() * 1000) + 1)
        self.broker = FailingBroker(self.server)
        self.store = MemoryStore()
        self.refused: list[tuple[TaskStream, list[TransferKey]]] = []
        self.lost: list[int] = []
        self.ranges = {0: 1, 1: 1}
        process = Process("one", random.Random(1), failed=lambda name, error: None)
        self.releaser = Releaser(
            self.store,
            self.broker,
            process,
            Windows(),
            asyncio.Queue[Batch](),
            released=lambda batch: None,
            refused=lambda stream, keys: self.refused.append((stream, keys)),
            lost=self.lost.extend,
        )

    async def open(self) -> Bench:
        await self.store.migrate(2)
        for shard_id in self.ranges:
            await self.store.acquire_shard(shard_id, "one")
        return self

    async def release(self, *items: tuple[TaskStream, int, int], outbox: Outbox | None = None) -> None:
        """Release tasks `(stream, shard, event id)`."""
        outbox = outbox or Outbox()
        rows: dict[str, TransferRow] = {}
        for stream, shard_id, event_id in items:
            member = task_member("run", event_id, 1)
            outbox.publish.setdefault(stream, []).append(Publication(shard_id, member, b"sticky"))
            kind = TaskKind.ACTIVITY if stream.kind == StreamKind.ACTIVITY else TaskKind.WORKFLOW
            place = (shard_id, "run", kind, event_id, 1, 0, stream.namespace, stream.task_queue)
            rows[member] = TransferRow(*place, 0, False, 0, b"")
        await self.releaser.release(outbox, self.ranges, rows)

    def entries(self, stream: TaskStream) -> list[bytes]:
        queue = self.server.queue(stream)
        return queue.stream.all_data() if queue is not None else []


@pytest.fixture
async def bench() -> Bench:
    return await Bench().open()


async def test_a_new_stream_is_shown_who_owns_the_shards(bench: Bench) -> None:
    await bench.release((ACTIVITIES, 0, 5), (ACTIVITIES, 1, 6))
    assert len(bench.entries(ACTIVITIES)) == 2
    assert (bench.lost, bench.refused) == ([], [])


async def test_a_shard_that_cannot_be_proven_is_lost_and_the_others_are_published(bench: Bench) -> None:
    await bench.store.acquire_shard(1, "thief")
    await bench.release((ACTIVITIES, 0, 5), (ACTIVITIES, 1, 6), (WORKFLOWS, 1, 7), (WORKFLOWS, 0, 8))
    assert set(bench.lost) == {1}
    assert (len(bench.entries(ACTIVITIES)), len(bench.entries(WORKFLOWS))) == (1, 1)
    assert bench.ranges == {0: 1}


async def test_a_fence_of_a_newer_owner_loses_the_shard(bench: Bench) -> None:
    await bench.broker.raise_fence(ACTIVITIES, {0: 1, 1: 9})
    await bench.release((ACTIVITIES, 0, 5), (ACTIVITIES, 1, 6))
    assert bench.lost == [1]
    assert len(bench.entries(ACTIVITIES)) == 1


async def test_what_the_window_refuses_becomes_backlog(bench: Bench) -> None:
    await bench.release(*((ACTIVITIES, 0, event_id) for event_id in range(1, 21)))
    [(stream, keys)] = bench.refused
    assert stream == ACTIVITIES
    assert [key.event_id for key in keys] == [17, 18, 19, 20]


async def test_a_sticky_task_without_its_worker_goes_to_the_queue_whole(bench: Bench) -> None:
    await bench.release((STICKY, 0, 5))
    [entry] = bench.entries(WORKFLOWS)
    task = decode_task(entry)
    assert isinstance(task, WorkflowTask)
    assert (task.run_id, task.continues_from, task.events) == ("run", 0, b"")


async def test_a_sticky_task_goes_to_its_worker(bench: Bench) -> None:
    await bench.broker.announce_worker(STICKY, WorkerInfo("w", "w", 1, 0), 10_000)
    await bench.release((STICKY, 0, 5))
    assert (bench.entries(STICKY), bench.entries(WORKFLOWS)) == ([b"sticky"], [])


async def test_a_lost_answer_publishes_nothing_twice(bench: Bench) -> None:
    bench.broker.failures = 3
    await bench.release((ACTIVITIES, 0, 5), (ACTIVITIES, 0, 6))
    assert len(bench.entries(ACTIVITIES)) == 2
    assert bench.refused == []


async def test_a_full_server_makes_backlog_of_what_it_did_not_take_before(bench: Bench) -> None:
    await bench.release((ACTIVITIES, 0, 5))
    bench.server.full = True
    await bench.release((ACTIVITIES, 0, 5), (ACTIVITIES, 0, 6))
    [(_, keys)] = bench.refused
    assert [key.event_id for key in keys] == [6]


async def test_a_server_that_is_away_is_waited_for(bench: Bench) -> None:
    await bench.broker.open_replies("client", 60_000)
    bench.server.stop()
    releasing = asyncio.ensure_future(bench.release((ACTIVITIES, 0, 5), outbox=Outbox(replies={"client": [b"hello"]})))
    loop = asyncio.get_running_loop()
    loop.call_later(3, bench.server.start)
    await releasing
    assert 3 <= loop.time() < 6
    [entry] = await bench.broker.read_replies("client", b"0-0", block_ms=0)
    assert entry.data == b"hello"
    assert len(bench.entries(ACTIVITIES)) == 1


async def test_everything_else_leaves_as_well(bench: Bench) -> None:
    await bench.release((ACTIVITIES, 0, 5))
    [task] = await bench.broker.read_tasks([ACTIVITIES], "w", count=1, block_ms=0)
    await bench.broker.send([(0, b"request")])
    [(_, [request])] = await bench.broker.read_inboxes({0: b"0-0"}, count=9, block_ms=0)
    outbox = Outbox(
        backlogged={WORKFLOWS},
        finished={task.stream: ([task.entry_id], [task_member("run", 5, 1)])},
        inbox_deletes={0: [request.entry_id]},
    )
    await bench.release(outbox=outbox)
    assert (bench.entries(ACTIVITIES), await bench.broker.inbox_length(0)) == ([], 0)
    assert (await bench.broker.queue_state(WORKFLOWS)).backlogged
    assert await bench.broker.published(ACTIVITIES, [task_member("run", 5, 1)]) == [False]
