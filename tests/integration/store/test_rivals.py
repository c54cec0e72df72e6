"""Two engines that believe to own the same shard: no commit is lost, none counts twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from perdure_store import sql
from perdure_store.port import FenceLost, SerializationConflict
from perdure_store.postgres import PostgresStore
from tests.store_rows import Owner, execution


@pytest.fixture(params=["read committed", "serializable"])
async def store(database_dsn: str, request: pytest.FixtureRequest) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(database_dsn, isolation=request.param)
    await store.connect()
    try:
        yield store
    finally:
        await store.close()


@pytest.mark.parametrize("locking", [True, False], ids=["with locks", "without locks"])
async def test_two_engines_fight_over_one_shard(
    database_dsn: str, store: PostgresStore, locking: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever loses is told so by a fence or by a conflict, never by silence: each commit that succeeds is counted.
    FOR UPDATE only saves repetitions, so it is true without it too."""
    if not locking:
        whole = sql.query
        monkeypatch.setattr(sql, "query", lambda name: whole(name).replace(b"FOR UPDATE", b""))
    rivals = [store, PostgresStore(database_dsn, isolation="serializable")]
    committed = 0

    async def fight(rival: PostgresStore, name: str) -> None:
        nonlocal committed
        for round_no in range(10):
            owner = await Owner.of(rival, 0, name=name)
            try:
                for number in range(3):
                    run = f"{name} {round_no} {number}"
                    await owner.commit(executions=[execution(run, workflow_id=run)])
                    committed += 1
            except (FenceLost, SerializationConflict):
                continue

    await asyncio.gather(*(fight(rival, f"engine-{number}") for number, rival in enumerate(rivals)))
    assert (await store.shard(0)).commit_seq == committed
    with psycopg.connect(database_dsn) as connection:
        row = connection.execute("SELECT count(*) FROM perdure.executions WHERE shard_id >= 0").fetchone()
    assert row == (committed,)
    await rivals[1].close()
