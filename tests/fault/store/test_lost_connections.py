"""Connections lost at the worst moment, and servers that die and come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from perdure_engine.embedded.postgres import EmbeddedPostgres
from perdure_store.list_query import ListQuery
from perdure_store.port import (
    ExecutionKey,
    FenceLost,
    StoreUnavailable,
    UnknownOutcome,
)
from perdure_store.postgres import PostgresStore
from tests.proxy import PostgresProxy
from tests.store_rows import Owner, execution, history, run_id
from tests.waiting import wait_until

ORDER = ExecutionKey(0, "default", "order-1")
COMMITTED = b"COMMIT\0"
"""The end of the server's answer to a COMMIT."""


@pytest.fixture
async def store(postgres_proxy: PostgresProxy) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(postgres_proxy.dsn)
    await store.connect()
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture(params=[0, 1, 3], ids=lambda count: f"after {count} commits")
async def owner(store: PostgresStore, request: pytest.FixtureRequest) -> Owner:
    """The first commits of a connection prepare their statements, later ones name them: other bytes, same meaning."""
    owner = await Owner.of(store, 0)
    for number in range(request.param):
        await owner.commit(executions=[execution(f"warm {number}", workflow_id=f"warm {number}")])
    return owner


async def test_committed_but_the_answer_is_lost(postgres_proxy: PostgresProxy, owner: Owner) -> None:
    batch = owner.batch(executions=[execution("a")])
    postgres_proxy.proxy.lose_replies(after=COMMITTED)
    with pytest.raises(UnknownOutcome):
        await owner.store.commit(batch)
    assert postgres_proxy.proxy.losses == 1
    row = await owner.store.shard(0)
    assert (row.range_id, row.commit_seq) == (batch.shards[0].range_id, batch.shards[0].commit_seq + 1)
    with pytest.raises(FenceLost):
        await owner.store.commit(batch)
    owner.committed(batch)
    await owner.commit(history=[history("a")])
    [[found]] = await owner.store.load([ORDER])
    assert found.history == (history("a"),)


async def test_not_committed_and_the_answer_is_lost(postgres_proxy: PostgresProxy, owner: Owner) -> None:
    batch = owner.batch(executions=[execution("a")])
    postgres_proxy.proxy.lose_requests(containing=b"epoch-1")  # the fence, and with it all that follows
    with pytest.raises(UnknownOutcome):
        await owner.store.commit(batch)
    assert postgres_proxy.proxy.losses == 1
    assert await owner.store.shard(0) == owner.shards[0]
    await owner.store.commit(batch)
    [[found]] = await owner.store.load([ORDER])
    assert found.row == execution("a")


async def test_a_connection_lost_with_the_commit_on_its_way_leaves_the_outcome_to_the_fence(
    postgres_proxy: PostgresProxy, owner: Owner
) -> None:
    batch = owner.batch(executions=[execution("a")])
    postgres_proxy.proxy.lose_requests()
    with pytest.raises(UnknownOutcome):
        await owner.store.commit(batch)
    assert postgres_proxy.proxy.losses == 1
    assert (await owner.store.shard(0)).commit_seq == batch.shards[0].commit_seq
    await owner.store.commit(batch)


async def test_a_server_that_is_gone_is_unavailable_until_it_is_back(
    postgres_proxy: PostgresProxy, owner: Owner
) -> None:
    store, batch = owner.store, owner.batch(executions=[execution("a")])
    postgres_proxy.proxy.refuse()
    with pytest.raises((UnknownOutcome, StoreUnavailable)):
        await store.commit(batch)  # over a connection that was open
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1"):
            await store.commit(batch)
        with pytest.raises(StoreUnavailable):
            await store.load([ORDER])
        with pytest.raises(StoreUnavailable):
            await store.beat("engine-1", "host")
        with pytest.raises(StoreUnavailable):
            await store.shard(0)
        with pytest.raises(StoreUnavailable):
            await store.list_visibility(ListQuery("default"), limit=1)
    postgres_proxy.proxy.accept()
    await store.commit(batch)
    assert await store.beat("engine-1", "host") == {"engine-1": 1}


async def test_a_read_whose_answer_is_lost_is_asked_again(postgres_proxy: PostgresProxy, store: PostgresStore) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(executions=[execution("a")])
    assert await store.load([ORDER._replace(workflow_id="unknown")]) == [[]]  # so that the statement is prepared
    postgres_proxy.proxy.lose_replies(after=run_id("a").encode())
    [[found]] = await store.load([ORDER])
    assert postgres_proxy.proxy.losses == 1
    assert found.row == execution("a")


async def test_a_commit_that_is_canceled_leaves_a_usable_store(database_dsn: str, store: PostgresStore) -> None:
    owner = await Owner.of(store, 0)
    batch = owner.batch(executions=[execution("a")])
    async with await psycopg.AsyncConnection.connect(database_dsn) as other:
        await other.execute("SELECT 1 FROM perdure.shards FOR UPDATE")
        commit = asyncio.create_task(store.commit(batch))
        await wait_until(lambda: waits_for_lock(database_dsn), what="the commit waits for the row")
        commit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await commit
        await other.rollback()
    assert await store.shard(0) == owner.shards[0]
    await store.commit(batch)


async def test_a_takeover_ends_the_session_of_an_owner_that_stopped_in_a_commit(
    database_dsn: str, store: PostgresStore
) -> None:
    stopped = await psycopg.AsyncConnection.connect(database_dsn, application_name="perdure commit")
    await stopped.execute("UPDATE perdure.shards SET commit_seq = commit_seq + 1 WHERE shard_id = 3")
    taken = await asyncio.wait_for(store.acquire_shard(3, "engine-2"), timeout=10)
    assert (taken.range_id, taken.commit_seq, taken.owner) == (1, 0, "engine-2")
    with pytest.raises(psycopg.OperationalError):
        await stopped.commit()
    await stopped.close()


async def test_a_takeover_leaves_sessions_of_applications_alone(database_dsn: str, store: PostgresStore) -> None:
    async with await psycopg.AsyncConnection.connect(database_dsn, application_name="backup") as other:
        await other.execute("SELECT 1 FROM perdure.shards WHERE shard_id = 3 FOR UPDATE")
        takeover = asyncio.create_task(store.acquire_shard(3, "engine-2"))
        await wait_until(lambda: has_looked_for_blockers(database_dsn), what="the takeover looked who blocks it")
        assert not takeover.done()
        await other.rollback()
        assert (await takeover).owner == "engine-2"


async def waits_for_lock(dsn: str) -> bool:
    return await finds(dsn, "application_name = 'perdure commit' AND wait_event_type = 'Lock'")


async def has_looked_for_blockers(dsn: str) -> bool:
    return await finds(dsn, "application_name = 'perdure beat' AND query LIKE '%pg_blocking_pids%' AND state = 'idle'")


async def finds(dsn: str, condition: str) -> bool:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute(
            f"SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND {condition}"
        )
        return await cursor.fetchone() is not None


async def test_a_server_killed_and_started_again_has_every_commit(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "data")
    store = PostgresStore(server.start())
    try:
        await store.migrate(4)
        await store.connect()
        owner = await Owner.of(store, 0)
        for number in range(20):
            await owner.commit(executions=[execution(f"run {number}", workflow_id=f"order-{number}")])
        server.kill()
        with pytest.raises(StoreUnavailable):
            await owner.commit(executions=[execution("lost", workflow_id="lost")])
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await store.load([ORDER])
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await PostgresStore(server.dsn).connect()
        server.start()
        assert await store.shard(0) == owner.shards[0]
        found = await store.load([ExecutionKey(0, "default", f"order-{number}") for number in range(20)])
        assert [len(one) for one in found] == [1] * 20
        await owner.commit(executions=[execution("after", workflow_id="after")])
        server.restart()
        batch = owner.batch(executions=[execution("restart", workflow_id="restart")])
        try:
            await store.commit(batch)
        except StoreUnavailable:  # on a connection from before the restart
            await store.commit(batch)
        assert (await store.shard(0)).commit_seq == 22
    finally:
        await store.close()
        server.stop()
