"""Reading what references stand for: from memory, else from the run, page by page.

Rules:
- What comes is checked against its hash before anything is made of it.
- A reference is resolved for the run in whose history or task it stood, and finds nothing that another run has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from perdure.content.cache import ContentCache
from perdure.protocol.codec import DecodeError
from perdure.protocol.content import Reference, assemble, decode_reference, is_reference, join_hashes, unpack_piece
from perdure.protocol.events import EventBuffered, EventType, HistoryEvent
from perdure.protocol.frontend import CONTENT_HASHES_MAX, GetContent, decode_content_page
from perdure.protocol.replies import ReplyKind, decode_error
from perdure.transport import Transport

ECHOED = frozenset(
    int(kind)
    for kind in (
        EventType.ACTIVITY_TASK_SCHEDULED,
        EventType.WORKFLOW_EXECUTION_COMPLETED,
        EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
        EventType.START_CHILD_WORKFLOW_EXECUTION_INITIATED,
        EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
        EventType.WORKFLOW_EXECUTION_UPDATE_COMPLETED,
    )
)
"""Events whose values came from the workflow itself: its replay does not look at them."""


class ContentError(Exception):
    """What a reference stands for cannot be had."""


class ContentReader:
    """See the module's docstring.

    Args:
        bytes_max: of content that is kept in memory for the next time.
    """

    def __init__(self, transport: Transport, namespace: str, bytes_max: int) -> None:
        self.cache = ContentCache(bytes_max)
        self._transport = transport
        self._namespace = namespace

    async def resolve(self, shard_id: int, run_id: str, data: bytes, timeout_s: float | None = None) -> bytes:
        """What a reference stands for; other data as it is.

        Raises:
            ContentError: the run does not have it, or it is damaged.
            RPCError: no reply in time.
        """
        if not is_reference(data):
            return data
        [resolved] = await self._resolve_all(shard_id, run_id, [data], timeout_s)
        return resolved

    async def resolve_events(
        self,
        shard_id: int,
        run_id: str,
        events: Sequence[HistoryEvent],
        *,
        echoed: bool = False,
        timeout_s: float | None = None,
    ) -> list[HistoryEvent]:
        """Events with what their references stand for; those of `ECHOED` only if `echoed`. Raises: as `resolve`."""
        places = [
            (place, index)
            for place, event in enumerate(events)
            if echoed or event.event_type not in ECHOED
            for index in references_in(event)
        ]
        if not places:
            return list(events)
        data = [_fields(events[place])[index] for place, index in places]
        resolved = await self._resolve_all(shard_id, run_id, data, timeout_s)
        whole = list(events)
        for (place, index), value in zip(places, resolved, strict=True):
            whole[place] = _with_field(whole[place], index, value)
        return whole

    async def _resolve_all(
        self, shard_id: int, run_id: str, data: Sequence[bytes], timeout_s: float | None
    ) -> list[bytes]:
        references = [_decoded(one) for one in data]
        pieces: dict[bytes, bytes] = {}
        lacking: dict[bytes, int] = {}
        for reference in references:
            for name in reference.hashes:
                piece = self.cache.get(run_id, name)
                if piece is None:
                    lacking[name] = 1
                else:
                    pieces[name] = piece
        if lacking:
            pieces.update(await self._fetch(shard_id, run_id, lacking, timeout_s))
        return [_assembled(reference, pieces) for reference in references]

    async def _fetch(
        self, shard_id: int, run_id: str, lacking: dict[bytes, int], timeout_s: float | None
    ) -> dict[bytes, bytes]:
        fetched: dict[bytes, bytes] = {}
        while lacking:
            names = join_hashes(list(lacking)[:CONTENT_HASHES_MAX])
            request = GetContent(self._namespace, shard_id, run_id, names)
            reply = await self._transport.submit_frontend(request, timeout_s)
            if reply.kind == ReplyKind.ERROR:
                raise ContentError(decode_error(reply.body).message)
            try:
                page = decode_content_page(reply.body)
                came = {name: unpack_piece(name, data) for name, data in page.pieces}
            except DecodeError as error:
                raise ContentError(str(error)) from error
            if not came.keys() & lacking.keys():
                raise ContentError(
                    f"run {run_id} does not have {len(lacking)} pieces of the content that a value refers to"
                )
            self.cache.put(run_id, came)
            fetched.update(came)
            for name in came:
                lacking.pop(name, None)
        return fetched


def references_in(event: HistoryEvent) -> Iterable[int]:
    """The places of references among the attributes of an event. Hashes are no values: one in 256 begins as a reference
    does."""
    if event.event_type == EventType.CONTENT_KEPT:
        return ()
    return [index for index, field in enumerate(_fields(event)) if type(field) is bytes and is_reference(field)]


def hashes_in(events: Iterable[HistoryEvent]) -> dict[bytes, int]:
    """All that events refer to: what their run has.

    Raises:
        DecodeError: a reference is malformed.
    """
    names: dict[bytes, int] = {}
    for event in events:
        for index in references_in(event):
            names.update(dict.fromkeys(decode_reference(_fields(event)[index]).hashes, 1))
    return names


def _fields(event: HistoryEvent) -> tuple[Any, ...]:
    attributes = event.attributes
    fields: tuple[Any, ...] = attributes.attributes if type(attributes) is EventBuffered else attributes
    return fields


def _with_field(event: HistoryEvent, index: int, value: bytes) -> HistoryEvent:
    fields: Any = _fields(event)
    changed = fields._replace(**{fields._fields[index]: value})
    if type(event.attributes) is EventBuffered:
        changed = event.attributes._replace(attributes=changed)
    return event._replace(attributes=changed)


def _decoded(data: bytes) -> Reference:
    try:
        return decode_reference(data)
    except DecodeError as error:
        raise ContentError(str(error)) from error


def _assembled(reference: Reference, pieces: dict[bytes, bytes]) -> bytes:
    try:
        return assemble(reference, pieces)
    except DecodeError as error:
        raise ContentError(str(error)) from error
