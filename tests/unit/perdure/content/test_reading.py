"""Reading content: what memory does not hold is fetched in pages, checked, and put where its reference stood."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure.content.reading import ContentError, ContentReader, hashes_in
from perdure.content.sending import Parcel
from perdure.protocol.content import HASH_BYTES, MARK, split_hashes
from perdure.protocol.events import (
    ActivityTaskCompleted,
    ActivityTaskScheduled,
    ContentKept,
    EventBuffered,
    EventType,
    HistoryEvent,
    WorkflowExecutionSignaled,
)
from perdure.protocol.frontend import ContentPage, GetContent
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind
from perdure.protocol.retry import DEFAULT_RETRY_POLICY
from tests.fake_engine import FakeEngine, client_of
from tests.unit.perdure.content.test_cutting import conversation
from tests.workflow_story import RUN_ID

DATA, LONGER = conversation(20), conversation(21)
PAGE = 5


@contextlib.asynccontextmanager
async def reader_of(
    kept: dict[bytes, bytes], cache: int = 10_000_000
) -> AsyncIterator[tuple[ContentReader, FakeEngine]]:
    """A reader, and the engine that has these pieces and gives five of them a page."""

    def answer(number: int, request: Any) -> list[tuple[int, int, Any]]:
        assert (request.namespace, request.shard_id, request.run_id) == ("default", 3, RUN_ID)
        found = [(name, kept[name]) for name in split_hashes(request.hashes) if name in kept]
        return [(number, ReplyKind.OK, ContentPage(tuple(found[:PAGE])))]

    async with client_of(answer) as (client, engine):
        transport: Any = client._connection.transport
        yield ContentReader(transport, "default", cache), engine


def parcel_of(*data: bytes) -> tuple[list[bytes], dict[bytes, bytes]]:
    parcel = Parcel()
    references = [parcel.refer(each) for each in data]
    return references, dict(parcel.block().pieces)


async def test_a_reference_becomes_what_it_stands_for() -> None:
    [reference, longer], kept = parcel_of(DATA, LONGER)
    async with reader_of(kept) as (reader, engine):
        assert await reader.resolve(3, RUN_ID, reference) == DATA
        assert len(engine.requests(GetContent)) == len(kept) // PAGE
        assert await reader.resolve(3, RUN_ID, longer) == LONGER
        assert len(engine.requests(GetContent)) == len(kept) // PAGE + 1, "only what is new is fetched"
        assert await reader.resolve(3, RUN_ID, b"plain data") == b"plain data"


async def test_a_small_memory_is_enough() -> None:
    [reference], kept = parcel_of(DATA)
    async with reader_of(kept, cache=0) as (reader, _):
        assert await reader.resolve(3, RUN_ID, reference) == DATA


async def test_what_the_run_does_not_have_is_said() -> None:
    [reference], kept = parcel_of(DATA)
    kept.popitem()
    async with reader_of(kept) as (reader, _):
        with pytest.raises(ContentError, match="does not have 1 pieces of the content"):
            await reader.resolve(3, RUN_ID, reference)


async def test_another_piece_than_asked_for_is_refused() -> None:
    [reference], kept = parcel_of(DATA)
    names = list(kept)
    kept[names[0]] = kept[names[1]]
    async with reader_of(kept) as (reader, _):
        with pytest.raises(ContentError, match="not what its hash"):
            await reader.resolve(3, RUN_ID, reference)


async def test_what_memory_has_of_one_run_is_not_given_to_another() -> None:
    [reference], kept = parcel_of(DATA)
    async with reader_of(kept) as (reader, engine):
        await reader.resolve(3, RUN_ID, reference)
        engine.answer = lambda number, request: [(number, ReplyKind.OK, ContentPage(()))]
        with pytest.raises(ContentError):
            await reader.resolve(3, RUN_ID[:-1] + "0", reference)


async def test_a_refusal_is_told() -> None:
    [reference], _ = parcel_of(DATA)
    async with reader_of({}) as (reader, engine):
        refusal = ErrorReply(ErrorCode.INVALID_ARGUMENT, "no such thing")
        engine.answer = lambda number, request: [(number, ReplyKind.ERROR, refusal)]
        with pytest.raises(ContentError, match="no such thing"):
            await reader.resolve(3, RUN_ID, reference)
        with pytest.raises(ContentError, match="msgpack"):
            await reader.resolve(3, RUN_ID, MARK + b"nonsense")


async def test_events_are_made_whole() -> None:
    [reference, longer], kept = parcel_of(DATA, LONGER)
    signal = WorkflowExecutionSignaled("s", reference, "me", "r")
    scheduled = ActivityTaskScheduled("1", "call", "q", longer, 0, 0, 1, 0, DEFAULT_RETRY_POLICY, 4)
    events = [
        HistoryEvent(5, 1, EventType.ACTIVITY_TASK_SCHEDULED, scheduled),
        HistoryEvent(6, 1, EventType.WORKFLOW_EXECUTION_SIGNALED, signal),
        HistoryEvent(0, 1, EventType.EVENT_BUFFERED, EventBuffered(26, signal)),
        HistoryEvent(7, 1, EventType.ACTIVITY_TASK_COMPLETED, ActivityTaskCompleted(longer, 5, 6)),
        HistoryEvent(8, 1, EventType.ACTIVITY_TASK_COMPLETED, ActivityTaskCompleted(b"small", 5, 6)),
    ]
    assert hashes_in(events).keys() == kept.keys()
    async with reader_of(kept) as (reader, _):
        for echoed in (False, True):
            first, second, buffered, third, last = await reader.resolve_events(3, RUN_ID, events, echoed=echoed)
            assert first.attributes == (scheduled._replace(input=LONGER) if echoed else scheduled)
            assert second == events[1]._replace(attributes=signal._replace(input=DATA))
            assert buffered.attributes.attributes == signal._replace(input=DATA)
            assert third.attributes.result == LONGER
            assert last == events[4]
        assert await reader.resolve_events(3, RUN_ID, events[4:]) == events[4:]


async def test_a_hash_that_begins_like_a_reference_is_none() -> None:
    kept = ContentKept(MARK[:1] * HASH_BYTES, (7,))
    events = [HistoryEvent(0, 1, EventType.CONTENT_KEPT, kept)]
    async with reader_of({}) as (reader, _):
        assert await reader.resolve_events(3, RUN_ID, events) == events
    assert hashes_in(events) == {}
