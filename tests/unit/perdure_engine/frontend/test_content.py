"""Pages of content: of one run, bounded, and nothing of another one."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.codec import DecodeError
from perdure.protocol.content import hash_of, join_hashes
from perdure.protocol.frontend import CONTENT_HASHES_MAX, GetContent
from perdure.protocol.replies import ReplyKind
from perdure_engine.frontend.content import PAGE_BYTES, answer_content
from perdure_store.memory import MemoryStore
from perdure_store.port import PayloadRow
from tests.store_rows import Owner, execution, run_id

HASHES = [hash_of(bytes([number])) for number in range(50)]
RUN = run_id("a")


async def kept(count: int, size: int) -> MemoryStore:
    store = MemoryStore()
    await store.migrate(4)
    owner = await Owner.of(store, 0)
    rows = [PayloadRow(0, RUN, name, bytes(size)) for name in HASHES[:count]]
    await owner.commit(executions=[execution("a")], payloads=rows)
    return store


async def pages(store: MemoryStore, *hashes: bytes, **other: Any) -> list[bytes]:
    kind, page = await answer_content(store, 4, GetContent("default", 0, RUN, join_hashes(hashes))._replace(**other))
    assert kind == ReplyKind.OK
    return [name for name, _ in page.pieces]


async def test_what_is_asked_for_comes_in_order() -> None:
    store = await kept(40, 10)
    asked = HASHES[45:] + HASHES[35:40] + HASHES[:35]
    assert await pages(store, *asked) == HASHES[35:40] + HASHES[:35]


async def test_a_page_is_bounded_and_never_empty() -> None:
    store = await kept(40, PAGE_BYTES // 5)
    assert await pages(store, *HASHES[:40]) == HASHES[:5] + HASHES[5:6]
    store = await kept(2, PAGE_BYTES)
    assert await pages(store, *HASHES[:2]) == HASHES[:1]


async def test_another_run_has_its_own() -> None:
    store = await kept(1, 10)
    assert await pages(store, HASHES[0], run_id=run_id("b")) == []
    assert await pages(store, HASHES[0], namespace="other") == []
    assert await pages(store, HASHES[0], shard_id=1) == []


@pytest.mark.parametrize(
    "other",
    [
        {"hashes": b""},
        {"hashes": b"short"},
        {"hashes": join_hashes(hash_of(b"%d" % number) for number in range(CONTENT_HASHES_MAX + 1))},
        {"shard_id": 4},
        {"shard_id": -1},
        {"run_id": "none"},
        {"run_id": ""},
    ],
)
async def test_what_cannot_be_is_refused(other: dict[str, Any]) -> None:
    store = await kept(1, 10)
    with pytest.raises(DecodeError):
        await answer_content(store, 4, GetContent("default", 0, RUN, HASHES[0])._replace(**other))
