"""What an engine refuses of a start; the rest is tried in `test_standalone`."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.client import RPCError, RPCStatusCode
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import Rows
from tests.unit.perdure.client.mails import MINUTE, send


def answer(number: int, request: Any) -> Rows:
    yield number, ReplyKind.ERROR, ErrorReply(ErrorCode.INVALID_ARGUMENT, "not so")


async def test_a_refusal_says_why() -> None:
    async with client_of(answer) as (client, _):
        options: Any = {"id": "a", "task_queue": "q", "start_to_close_timeout": MINUTE}
        for call in (client.start_activity, client.execute_activity):
            with pytest.raises(RPCError, match="not so") as caught:
                await call(send, "x", **options)
            assert caught.value.status == RPCStatusCode.INVALID_ARGUMENT
