"""Pieces of data are kept once a run, read by their hash within that run alone, copied to another, and go with it."""

from __future__ import annotations

from typing import Any

import pytest

from perdure_store.port import BatchRejected, PayloadCopy, PayloadRow, Store
from tests.store_rows import COMPLETED, Owner, execution, run_id

HASHES = {name: name.encode() * 16 for name in "pqr"}


def piece(run: str, name: str, data: bytes = b"", shard_id: int = 0) -> PayloadRow:
    return PayloadRow(shard_id, run_id(run), HASHES[name], data or name.encode())


async def read(store: Store, run: str, names: str = "pqr", *, namespace: str = "default", shard_id: int = 0) -> Any:
    found = await store.read_payloads(shard_id, namespace, run_id(run), [HASHES[name] for name in names])
    return {name: found[HASHES[name]] for name in names if HASHES[name] in found}


async def test_a_run_reads_what_it_was_given_and_nothing_else(store: Store) -> None:
    owner = await Owner.of(store, 0, 1)
    await owner.commit(
        executions=[
            execution("a"),
            execution("b", workflow_id="b"),
            execution("c", workflow_id="c", namespace="other"),
            execution("d", workflow_id="d", shard_id=1),
        ],
        payloads=[piece("a", "p"), piece("a", "q"), piece("b", "r"), piece("c", "r"), piece("d", "r", shard_id=1)],
    )
    assert await read(store, "a") == {"p": b"p", "q": b"q"}
    assert await read(store, "a", "q") == {"q": b"q"}
    assert await read(store, "b") == {"r": b"r"}
    assert await read(store, "c") == {}, "of another namespace"
    assert await read(store, "c", namespace="other") == {"r": b"r"}
    assert await read(store, "d") == {}, "on another shard"
    assert await read(store, "never was") == {}
    assert await store.read_payloads(0, "default", run_id("a"), []) == {}


async def test_what_a_run_has_stays_as_it_is(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(executions=[execution("a")], payloads=[piece("a", "p", b"first")])
    await owner.commit(payloads=[piece("a", "p", b"second"), piece("a", "q", b"one"), piece("a", "q", b"two")])
    assert await read(store, "a") == {"p": b"first", "q": b"one"}


async def test_a_row_is_bounded(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(executions=[execution("a")], payloads=[piece("a", "p", bytes(512 * 1024))])
    with pytest.raises(BatchRejected):
        await store.commit(owner.batch(payloads=[piece("a", "q", bytes(512 * 1024 + 1))]))
    assert await read(store, "a", "q") == {}


async def test_another_run_is_given_a_copy_that_outlives_the_first(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(
        executions=[
            execution("a", status=COMPLETED, close_time_us=2_000),
            execution("b", workflow_id="b"),
        ],
        payloads=[piece("a", "p"), piece("b", "q", b"of b")],
        payload_copies=[PayloadCopy(0, 0, run_id("a"), run_id("b"), HASHES["p"])],
    )
    copies = [PayloadCopy(0, 0, run_id("a"), run_id("b"), HASHES[name]) for name in "pqr"]
    await owner.commit(payload_copies=copies, payloads=[piece("a", "q", b"of a")])
    await store.delete_runs(0, owner.shards[0].range_id, [run_id("a")])
    assert await read(store, "a") == {}
    assert await read(store, "b") == {"p": b"p", "q": b"of b"}
    await owner.commit(executions=[execution("a")])
    assert await read(store, "a") == {}, "they went with their run"
