"""Dead letters, read page by page, and sent once more."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from perdure.client import RPCError
from perdure.protocol import frontend
from perdure.protocol.replies import ErrorCode, ReplyKind
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import Rows, refuse


def post_office(number: int, request: Any) -> Rows:
    match request:
        case frontend.ListDeadLetters():
            start = int(request.page_token or b"0")
            rows = tuple(frontend.DeadLetter(0, f"l{n}", n, "inbox", "malformed") for n in range(start, start + 2))
            yield number, ReplyKind.OK, frontend.DeadLetterPage(rows, b"%d" % (start + 2) if start < 4 else b"")
        case frontend.GetDeadLetter():
            yield number, ReplyKind.OK, frontend.DeadLetter(3, request.letter_id, 0, "inbox", "malformed", b"bytes")
        case _:
            yield number, ReplyKind.OK, None


async def test_listing_goes_on_to_the_last_page_or_the_limit() -> None:
    async with client_of(post_office) as (client, engine):
        assert [letter.id async for letter in client.dead_letters.list()] == [f"l{n}" for n in range(6)]
        assert len(engine.seen) == 3
        assert [letter.id async for letter in client.dead_letters.list(limit=2)] == ["l0", "l1"]
        assert engine.requests()[-1].page_size == 2


async def test_one_letter_with_its_bytes() -> None:
    async with client_of(post_office) as (client, _):
        letter = await client.dead_letters.get("l7")
        assert (letter.id, letter.shard_id, letter.data) == ("l7", 3, b"bytes")
        assert letter.time == datetime(1970, 1, 1, tzinfo=UTC)


async def test_retrying_asks_for_it_once_more() -> None:
    async with client_of(post_office) as (client, engine):
        await client.dead_letters.retry("l7")
        assert engine.requests() == [frontend.RetryDeadLetter("l7")]
        with pytest.raises(ValueError, match="must not be empty"):
            await client.dead_letters.retry("")


async def test_a_letter_that_is_gone_is_not_found() -> None:
    async with client_of(lambda number, _: refuse(number, ErrorCode.NOT_FOUND, "no such letter")) as (client, _):
        with pytest.raises(RPCError, match="no such letter"):
            await client.dead_letters.retry("l7")
