"""What is encoded is sent in order, and what cannot be encoded is said all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from perdure.common import Payload
from perdure.converter.payload_coding import PayloadCoding
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.payload import pack_payloads
from perdure.protocol.replies import ErrorCode, ReplyKind
from perdure.protocol.requests import (
    RecordActivityTaskHeartbeat,
    RespondActivityTaskCompleted,
    RespondActivityTaskFailed,
)
from perdure.worker.encoded_posts import EncodedPosts
from tests.integration.data.codecs import FlippingCodec

DATA = pack_payloads([Payload({"encoding": b"json/plain"}, b'"tulip"')])
BEAT = RecordActivityTaskHeartbeat("run", 5, 1, DATA, "me")
COMPLETED = RespondActivityTaskCompleted("run", 5, 1, 7, DATA, "me", b"", b"")
FAILED = RespondActivityTaskFailed("run", 5, 1, 7, Failure.of("no", ApplicationInfo("T")), "me", b"", b"")


class Sent:
    """A transport that only notes."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.replies: list[Any] = []

    def post(self, shard_id: int, request: Any, on_reply: Any) -> None:
        self.requests.append(request)

    def on_reply(self, kind: int, body: Any) -> None:
        self.replies.append((kind, body))


class Gated(FlippingCodec):
    """Waits for a gate before it encodes."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        await self.gate.wait()
        return await super().encode(payloads)


async def send(codec: FlippingCodec, *requests: Any) -> Sent:
    sent = Sent()
    tasks: list[asyncio.Task[Any]] = []

    def spawn(work: Any) -> asyncio.Task[Any]:
        tasks.append(asyncio.create_task(work))
        return tasks[-1]

    posts = EncodedPosts(sent, spawn)  # type: ignore[arg-type]  # what is used of a transport
    for request in requests:
        posts.post(PayloadCoding(codec), 0, request, sent.on_reply)
    if isinstance(codec, Gated):
        await asyncio.sleep(0)
        assert sent.requests == [], "nothing overtakes"
        codec.gate.set()
    await asyncio.gather(*tasks)
    assert posts._last_of_run == {}
    return sent


async def test_nothing_of_a_run_overtakes() -> None:
    sent = await send(Gated(), BEAT, FAILED)
    assert [type(request) for request in sent.requests] == [RecordActivityTaskHeartbeat, RespondActivityTaskFailed]
    assert sent.requests[0].details != DATA


async def test_a_completion_that_cannot_be_encoded_is_refused() -> None:
    codec = FlippingCodec()
    codec.refuses_encoding = b"tulip"
    sent = await send(codec, COMPLETED)
    assert sent.requests == []
    ((kind, (code, message)),) = sent.replies
    assert (kind, code) == (ReplyKind.ERROR, ErrorCode.INVALID_ARGUMENT)
    assert message == "the payload codec cannot encode it: LookupError: no key to encode with"


async def test_other_reports_go_without_users_data() -> None:
    codec = FlippingCodec()
    codec.refuses_encoding = b"tulip"
    sent = await send(codec, BEAT, FAILED._replace(heartbeat_details=DATA))
    beat, failed = sent.requests
    assert beat == BEAT._replace(details=b"")
    assert failed.heartbeat_details == b""
    assert failed.failure.message.startswith("no (its details are left out")
