"""From rows of an outbox to an engine's durable answers.

Role: each row is decoded, its request sent, and its verdict told: done, refused for good, or unanswered, which means
another time. It knows no database.

Rules:
- A start that is sent again takes effect once: its request id is that of its row.
- What cannot be read is refused, with the reason; its neighbours are delivered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from perdure.attribute_types import AttributeTypes
from perdure.content.requests import cut_request
from perdure.exceptions import PayloadSizeError
from perdure.outbox.record import Start, decode_record, namespace_and_id
from perdure.protocol.codec import DecodeError
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind, decode_error
from perdure.protocol.requests import StartWorkflowWith
from perdure.service import RPCError, RPCStatusCode
from perdure.transport import Reply, Transport

ANSWER_TIMEOUT_S = 5.0
"""After that a start is put back, so that its neighbours do not wait for it; an engine that died is replaced within a
few seconds."""

_ANOTHER_TIME = {
    ErrorCode.WRONG_SHARD,
    ErrorCode.RESOURCE_EXHAUSTED,
    ErrorCode.UNAVAILABLE,
    ErrorCode.DEADLINE_EXCEEDED,
}
"""Refusals that pass by themselves."""


class Fate(Enum):
    DONE = "done"
    REFUSED = "refused"
    UNANSWERED = "unanswered"


class Verdict(NamedTuple):
    """`reason` is empty for what is done."""

    fate: Fate
    reason: str = ""


DONE = Verdict(Fate.DONE)


class Delivery:
    """See the module's docstring. Over one transport, for all namespaces."""

    def __init__(self, transport: Transport, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._transport = transport
        self._timeout_s = timeout_s
        self._types: dict[str, AttributeTypes] = {}

    async def deliver(self, records: Sequence[bytes]) -> list[Verdict]:
        """Send them all and wait for their answers, in order.

        Raises:
            RPCError: CANCELLED: the transport is closed.
        """
        sent = [await self._send(record) for record in records]
        waiting = [each for each in sent if not isinstance(each, Verdict)]
        if waiting:
            await asyncio.wait(waiting)
        return [each if isinstance(each, Verdict) else _verdict(each) for each in sent]

    async def _send(self, record: bytes) -> Verdict | asyncio.Future[Reply]:
        try:
            request, is_coded = decode_record(record)
            refusal = await self._register_types(request)
            content = None
            if not is_coded:  # what a codec has encoded has nothing in common with anything
                request, content = cut_request(request)
        except DecodeError as error:
            return Verdict(Fate.REFUSED, f"what the outbox holds cannot be read: {error}")
        except PayloadSizeError as error:
            return Verdict(Fate.REFUSED, str(error))
        except RPCError as error:
            return _unanswered(error)
        if refusal is not None:
            return _refused(refusal)
        shard_id = self._transport.shard_id(*namespace_and_id(request))
        return self._transport.submit(shard_id, request, self._timeout_s, content)

    async def _register_types(self, request: Start) -> ErrorReply | None:
        start = request.start if isinstance(request, StartWorkflowWith) else request
        if not start.search_attributes:
            return None
        types = self._types.get(start.namespace)
        if types is None:
            types = self._types[start.namespace] = AttributeTypes(self._transport, start.namespace)
        unknown = types.unknown([start.search_attributes])
        return await types.register(unknown, self._timeout_s) if unknown else None


def _verdict(answered: asyncio.Future[Reply]) -> Verdict:
    error = answered.exception()
    if error is None:
        reply = answered.result()
        return _refused(decode_error(reply.body)) if reply.kind == ReplyKind.ERROR else DONE
    if not isinstance(error, RPCError):
        raise error
    return _unanswered(error)


def _unanswered(error: RPCError) -> Verdict:
    if error.status == RPCStatusCode.CANCELLED:
        raise error
    if error.status == RPCStatusCode.INVALID_ARGUMENT:  # it cannot even be sent
        return Verdict(Fate.REFUSED, error.message)
    return Verdict(Fate.UNANSWERED, error.message)


def _refused(reply: ErrorReply) -> Verdict:
    fate = Fate.UNANSWERED if reply.code in _ANOTHER_TIME else Fate.REFUSED
    return Verdict(fate, reply.message)
