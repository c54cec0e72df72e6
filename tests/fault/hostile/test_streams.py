"""Hostile bytes in every stream there is: kept with the reason, finished, and nobody else notices."""

from __future__ import annotations

from collections import Counter

import msgpack
import redis.asyncio

from perdure.protocol.tasks import ActivityTask, WorkflowTask, encode_task
from perdure_broker.port import StreamKind
from tests.fault.hostile.live import Live, live
from tests.fix_postgres import SHARD_COUNT
from tests.property.hostile_values import nested
from tests.waiting import wait_until

RUN_ID = "5b0c1a52-7c43-5d0f-9a35-3f0a3f6d1c11"

JUNK = {
    "no msgpack": b"\xc1",
    "empty": b"",
    "text": b"GET / HTTP/1.1\r\n\r\n",
    "noise": bytes(range(256)),
    "deep": msgpack.packb(nested(1_010)),
    "a deep version": msgpack.packb([nested(1_000), 1, "s", []]),
    "of a later version": msgpack.packb([99, 1, "sender", []]),
    "lengths that lie": b"\x94\x01\x01\xdd\xff\xff\xff\xff",
    "large": msgpack.packb([1, 1, "sender", b"x" * 5_000_000, 5]) + b"\xc1",
}

TASKS = {
    "of a shard that there is not": encode_task(
        WorkflowTask("default", "wf", RUN_ID, "Neighbour", SHARD_COUNT, 2, 1, 1, 0, b"")
    ),
    "of a run that cannot be": encode_task(WorkflowTask("default", "wf", "run", "Neighbour", 1, 2, 1, 1, 0, b"")),
    "of another kind": encode_task(
        ActivityTask("default", "wf", "x", "t", 1, 5, 1, "a", "double", b"", True, b"", b"", 1, 1, 0, 0, 0, False)
    ),
}


async def reasons(on: Live, count: int) -> Counter[str]:
    letters = await on.letters(count)
    assert all(letter.reason for letter in letters)
    return Counter(letter.source for letter in letters)


async def test_inboxes_and_the_frontend(database_dsn: str, redis_url: str) -> None:
    async with live(database_dsn, redis_url) as on, on.worker():
        for number, data in enumerate(JUNK.values()):
            await on.broker.send([(number % SHARD_COUNT, data)])
            await on.broker.send_frontend(data)
        await on.neighbours_finish()
        sources = await reasons(on, 2 * len(JUNK))
        assert sources == {"inbox": len(JUNK), "frontend": len(JUNK)}
        kept = Counter(letter.data for letter in await on.letters(1))
        assert kept == Counter([*JUNK.values()] * 2)


async def test_task_streams(database_dsn: str, redis_url: str) -> None:
    """Workers leave alone what they cannot read; when its lease is over, the engine that cannot either keeps it."""
    junk = [*JUNK.values(), *TASKS.values()]
    async with live(database_dsn, redis_url) as on, on.worker():
        await on.neighbours_finish()
        sender = on.client.transport.sender
        streams = [on.stream(kind, sender if kind is StreamKind.STICKY else "") for kind in StreamKind]
        for stream in streams:
            for data in junk:
                assert await on.broker.publish_query(stream, data)
        await on.neighbours_finish()
        letters = await on.letters(len(streams) * len(junk))
        assert Counter(letter.data for letter in letters) == Counter(len(streams) * junk)
        assert all(letter.source.endswith("task queue hostile") for letter in letters)

        async def are_clean() -> bool:
            states = [await on.broker.queue_state(stream) for stream in streams]
            return all(state.pending == state.undelivered == 0 for state in states)

        await wait_until(are_clean, what="nothing left in the streams")


async def test_reply_streams(database_dsn: str, redis_url: str) -> None:
    junk = [data for data in JUNK.values() if data]
    async with live(database_dsn, redis_url) as on, on.worker():
        for data in junk:
            await on.broker.reply(on.client.transport.sender, data)
        for rows in ([[1, 0, "junk"]], [[2, 1, 5]], [[0, 4, nested(900)]], [[2**63, -1, None]]):
            await on.broker.reply(on.client.transport.sender, msgpack.packb(rows))
        await on.neighbours_finish()
        assert await reasons(on, len(junk)) == {"reply stream": len(junk)}


async def test_keys_of_a_queue_that_somebody_spoiled(database_dsn: str, redis_url: str) -> None:
    """Another queue's keys hold what does not belong there: its engine goes on with the rest."""
    async with live(database_dsn, redis_url) as on, on.worker(), redis.asyncio.Redis.from_url(redis_url) as raw:
        keys = on.broker.keys
        spoiled = on.stream(StreamKind.ACTIVITY)._replace(task_queue="spoiled")
        await raw.sadd(keys.streams, keys.queue(spoiled).stream, b"no key of ours", b"perdure:{\xff}:stream:a")
        await raw.set(keys.queue(spoiled).stream, b"a string")
        mine = keys.queue(on.stream(StreamKind.ACTIVITY))
        await raw.hset(mine.worker_info, "somebody", "nonsense")
        await raw.zadd(mine.workers, {"somebody": 1})
        await raw.xgroup_createconsumer(mine.stream, "g", b"\xff\x00odd")
        await on.neighbours_finish()
        await on.broker.publish_query(on.stream(StreamKind.ACTIVITY), b"\xc1")
        assert len(await on.letters(1)) == 1
