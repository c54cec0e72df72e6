"""Pieces of content for those who hold a reference: a page of one run's, and nothing of any other."""

from __future__ import annotations

from typing import Any

from perdure.protocol.codec import DecodeError
from perdure.protocol.content import HASH_BYTES, split_hashes
from perdure.protocol.frontend import CONTENT_HASHES_MAX, ContentPage, GetContent
from perdure.protocol.ids import is_run_id
from perdure.protocol.replies import ReplyKind
from perdure_store.port import Store

PAGE_BYTES = 512 * 1024
"""About the size of a page."""

READ_AT_ONCE = 32
"""Pieces that are read together: at most four times a page."""


async def answer_content(store: Store, shard_count: int, request: GetContent) -> tuple[ReplyKind, Any]:
    """The page that a request gets.

    Raises:
        DecodeError: it asks for what cannot be.
    """
    names = list(dict.fromkeys(split_hashes(request.hashes)))
    if len(request.hashes) % HASH_BYTES or not 0 < len(names) <= CONTENT_HASHES_MAX:
        raise DecodeError(f"content is asked for by 1 to {CONTENT_HASHES_MAX} hashes of {HASH_BYTES} bytes")
    if not is_run_id(request.run_id) or not 0 <= request.shard_id < shard_count:
        raise DecodeError("content is asked for by the shard and the id of its run")
    page: list[tuple[bytes, bytes]] = []
    room = PAGE_BYTES
    for start in range(0, len(names), READ_AT_ONCE):
        wanted = names[start : start + READ_AT_ONCE]
        found = await store.read_payloads(request.shard_id, request.namespace, request.run_id, wanted)
        for name in wanted:
            if name in found and (room > 0 or not page):
                page.append((name, found[name]))
                room -= len(found[name])
        if room <= 0:
            break
    return ReplyKind.OK, ContentPage(tuple(page))
