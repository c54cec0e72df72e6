"""A start becomes a request; its defaults are Temporal's. (Options one by one: `test_client`.)"""

from __future__ import annotations

from typing import Any

import pytest

from perdure.client import Client
from perdure.client.start import TASK_TIMEOUT_MS
from perdure.protocol.memo import MEMO_SIZE_MAX
from perdure.protocol.replies import ReplyKind, Started
from perdure.protocol.requests import IdConflictPolicy, IdReusePolicy, StartWorkflow
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import Rows


def accept(number: int, request: Any) -> Rows:
    yield number, ReplyKind.OK, Started("run", True)


async def test_the_defaults() -> None:
    async with client_of(accept) as (client, engine):
        await client.start_workflow("T", id="w", task_queue="q")
        (request,) = engine.requests(StartWorkflow)
        assert request.input == request.memo == b""
        assert request.task_timeout_ms == TASK_TIMEOUT_MS == 10_000
        assert request.id_reuse_policy == IdReusePolicy.ALLOW_DUPLICATE
        assert request.id_conflict_policy == IdConflictPolicy.FAIL
        assert request.retry_policy is None


async def test_a_memo_is_bounded_and_its_names_are_checked() -> None:
    async with client_of(accept) as (client, _):

        async def start(connected: Client, memo: dict[str, Any]) -> None:
            await connected.start_workflow("T", id="w", task_queue="q", memo=memo)

        with pytest.raises(ValueError, match="the memo takes"):
            await start(client, {"x": "y" * MEMO_SIZE_MAX})
        with pytest.raises(ValueError, match="NUL"):
            await start(client, {"\0": 1})
