"""What the parts of a worker share."""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import Any

import pytest

from perdure.converter import DataConverter
from perdure.protocol.codec import DecodeError
from perdure.protocol.replies import ErrorCode, ErrorReply
from perdure.protocol.tasks import encode_task
from perdure.worker.lease_keeper import LeaseKeeper
from perdure.worker.link import WorkerLink
from perdure_broker.keys import Keys
from perdure_broker.port import BrokerUnavailable, StreamKind, TaskEntry, TaskStream, WorkerInfo
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
        link.leases.hold(entry)
        assert await on.pending(StreamKind.ACTIVITY) == 1
        link.drop(entry)
        await link.finish_background(5)
        assert await on.pending(StreamKind.ACTIVITY) == 0
        assert len(link.leases) == 0


async def test_an_entry_is_left_to_its_lease_when_the_server_is_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage() as on:
        link = _link(on)

        async def away(*_args: Any) -> None:
            raise BrokerUnavailable("away")

        monkeypatch.setattr(link.broker, "finish", away)
        entry = TaskEntry(b"stream", b"1-1", b"")
        link.leases.hold(entry)
        with caplog.at_level(logging.DEBUG):
            link.drop(entry)
            await link.finish_background(5)
            gc.collect()
        assert len(link.leases) == 0
        assert [record.levelname for record in caplog.records if record.name != "perdure.worker"] == []
        assert "1-1 of no use is left to its lease: away" in caplog.text


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


async def test_a_task_of_a_shard_that_there_is_not_is_none() -> None:
    async with stage() as on:
        link = _link(on)
        for shard_id in (-1, link.transport.cluster.shard_count, 2**62):
            data = encode_task(activity_task("double", 1, shard_id=shard_id))
            with pytest.raises(DecodeError, match="there are 4 shards"):
                link.decode(TaskEntry(b"stream", b"1-1", data))
        task = activity_task("double", 1, shard_id=3)
        assert link.decode(TaskEntry(b"stream", b"1-1", encode_task(task))) == task


async def test_which_refusals_mean_that_a_report_cannot_be_taken() -> None:
    async with stage() as on:
        link = _link(on)
        assert link.refusal(tuple(ErrorReply(+ErrorCode.DEAD_LETTERED, "kept"))) == "kept"
        assert link.refusal(tuple(ErrorReply(+ErrorCode.INVALID_ARGUMENT, "odd"))) == "odd"
        assert link.refusal(tuple(ErrorReply(+ErrorCode.NOT_FOUND, "over"))) is None
        assert link.refusal("junk") is None


async def test_a_hold_is_told_to_the_broker() -> None:
    async with stage() as on:
        link = _link(on)
        stream = TaskStream("default", "q", StreamKind.ACTIVITY)
        entry = TaskEntry(Keys().queue(stream).stream, b"1-1", b"")
        link.hold(entry, "acme", 5_000_000)
        link.hold(entry, "", 0)
        await link.finish_background(1)
        held = await on.broker.holds(stream)
        assert set(held) == {"acme"}
