"""The types of a namespace's search attributes: the first use of a name decides its type, and another one is refused.

Role: whoever sends search attributes (a client at a start, a worker with what a workflow asked for) has each name
registered before. What is known is remembered, so that this costs a request once a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from perdure.protocol.operations import AddSearchAttributes
from perdure.protocol.replies import ErrorReply, ReplyKind, decode_error
from perdure.protocol.search_attributes import PREDEFINED, unpack_search_attributes
from perdure.transport import TIMEOUT_S, Transport


class AttributeTypes:
    """Of one namespace, as far as this process has asked."""

    def __init__(self, transport: Transport, namespace: str) -> None:
        self._transport = transport
        self._namespace = namespace
        self._known: dict[str, int] = dict(PREDEFINED)

    def unknown(self, packed: Iterable[bytes]) -> dict[str, int]:
        """Names and types in packed attributes that are not known to fit."""
        return {
            name: kind
            for data in packed
            for name, (kind, _) in unpack_search_attributes(data).items()
            if self._known.get(name) != kind
        }

    async def register(self, types: Mapping[str, int], timeout_s: float | None = TIMEOUT_S) -> ErrorReply | None:
        """Have these types registered. Returns the refusal, if one of the names has another type.

        Raises:
            RPCError: no engine answered in time.
        """
        request = AddSearchAttributes(self._namespace, tuple(types.items()))
        reply = await self._transport.submit_frontend(request, timeout_s)
        if reply.kind == ReplyKind.ERROR:
            refusal: ErrorReply = decode_error(reply.body)
            return refusal
        self._known.update(types)
        return None
