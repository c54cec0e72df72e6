"""What the parts of a worker share."""

from __future__ import annotations

import asyncio

from perdure.converter import DataConverter
from perdure.worker.lease_keeper import LeaseKeeper
from perdure.worker.link import WorkerLink
from perdure_broker.port import StreamKind, TaskStream, WorkerInfo
from tests.worker_stage import QUEUE, Stage, activity_task, stage


def _link(on: Stage) -> WorkerLink:
    transport = on.client.transport
    leases = LeaseKeeper("me", transport.open_leases, lambda lost: None, 30_000, transport.environment)
    return WorkerLink(
        transport,
        namespace="default",
        task_queue=QUEUE,
        converter=DataConverter.default,
        worker_id="me",
        identity="me",
        leases=leases,
    )


async def test_a_dropped_entry_leaves_its_stream() -> None:
    async with stage() as on:
        link = _link(on)
        stream = TaskStream("default", QUEUE, StreamKind.ACTIVITY)
        await on.broker.announce_worker(stream, WorkerInfo("me", "me", 1, 0), 60_000)
        await on.give(activity_task("double", 1))
        (entry,) = await on.broker.read_tasks([stream], "me", count=1, block_ms=1000)
        link.leases.hold(entry.stream, entry.entry_id)
        assert await on.pending(StreamKind.ACTIVITY) == 1
        link.drop(entry)
        await link.finish_background(5)
        assert await on.pending(StreamKind.ACTIVITY) == 0
        assert len(link.leases) == 0


async def test_what_takes_too_long_in_the_background_is_cancelled() -> None:
    async with stage() as on:
        link = _link(on)
        ended: list[str] = []

        async def for_ever() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.append("cancelled")

        link.in_background(for_ever())
        await link.finish_background(0.01)
        await asyncio.sleep(0)
        assert ended == ["cancelled"]
        await link.finish_background(0)
