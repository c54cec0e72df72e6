"""40001 before each statement and at COMMIT: nothing is written, and the same batch again succeeds.

A trigger of the test raises it, once; the product has no triggers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from perdure_store import sql
from perdure_store.port import (
    BacklogRow,
    DeadLetterRow,
    ExecutionKey,
    FenceLost,
    HeartbeatRow,
    RequestResultRow,
    SerializationConflict,
    SnapshotRow,
    TimerKey,
    TransferKey,
    WorkerRow,
)
from perdure_store.postgres import PostgresStore
from tests.store_rows import Owner, close, execution, history, run_id, task, timer, visible

STATEMENTS = [
    ("shards", "UPDATE"),
    ("executions", "UPDATE"),
    ("transfer_tasks", "DELETE"),
    ("timer_tasks", "DELETE"),
    ("snapshots", "DELETE"),
    ("executions", "INSERT"),
    ("history_events", "INSERT"),
    ("snapshots", "INSERT"),
    ("transfer_tasks", "INSERT"),
    ("transfer_tasks", "UPDATE"),
    ("timer_tasks", "INSERT"),
    ("request_results", "INSERT"),
    ("dead_letters", "INSERT"),
]

RAISE_ONCE = """
CREATE SEQUENCE perdure.raised;
CREATE FUNCTION perdure.raise_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('perdure.raised') = 1 THEN
        RAISE EXCEPTION 'conflict on purpose' USING ERRCODE = '40001';
    END IF;
    RETURN NULL;
END $$;
"""


@pytest.fixture(params=["read committed", "serializable"])
async def store(database_dsn: str, request: pytest.FixtureRequest) -> AsyncIterator[PostgresStore]:
    with psycopg.connect(database_dsn, autocommit=True) as connection:
        connection.execute(RAISE_ONCE)
    store = PostgresStore(database_dsn, isolation=request.param)
    await store.connect()
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def owner(store: PostgresStore) -> Owner:
    """Owns shard 0, with a run and one of everything."""
    owner = await Owner.of(store, 0)
    await owner.commit(
        executions=[execution("a")],
        history=[history("a", 1)],
        transfer_inserts=[task("a", 2), task("a", 3)],
        timer_inserts=[timer("a")],
        snapshots=[SnapshotRow(0, run_id("a"), 1, b"old")],
    )
    return owner


async def commit_twice(owner: Owner) -> None:
    """A batch that touches every table: refused, then written."""
    before = owner.shards[0]
    batch = owner.batch(
        closes=[close("a")],
        executions=[execution("b")],
        history=[history("a", 2), history("b", 1)],
        snapshots=[SnapshotRow(0, run_id("a"), 2, b"new")],
        transfer_deletes=[TransferKey(0, run_id("a"), 1, 2)],
        transfer_inserts=[task("b", 2)],
        transfer_backlogs=[BacklogRow(0, run_id("b"), 1, 2, 9)],
        heartbeats=[HeartbeatRow(0, run_id("a"), 1, 3, b"beat")],
        workers=[WorkerRow(0, run_id("a"), 1, 3, 1, "worker-1")],
        timer_deletes=[TimerKey(*timer("a")[:5])],
        timer_inserts=[timer("b")],
        request_results=[RequestResultRow(0, run_id("a"), "r", 1, b"")],
        dead_letters=[DeadLetterRow(0, run_id("letter"), 1, "inbox", "why", b"")],
    )
    with pytest.raises(SerializationConflict):
        await owner.store.commit(batch)
    assert await owner.store.shard(0) == before
    assert await owner.store.last_history_row(0, run_id("a")) == history("a", 1)
    await owner.store.commit(batch)
    owner.committed(batch)
    assert await owner.store.shard(0) == owner.shards[0]
    assert await owner.store.outstanding(0, after=None, limit=9) == sorted(
        [task("a", 3, heartbeat=b"beat", worker="worker-1"), task("b", 2, backlog=True, task_id=9)]
    )
    [[found]] = await owner.store.load([ExecutionKey(0, "default", "order-1")])
    assert found.row == execution("b")


@pytest.mark.parametrize(("table", "verb"), STATEMENTS, ids=lambda part: part.lower())
async def test_a_conflict_before_a_statement(owner: Owner, database_dsn: str, table: str, verb: str) -> None:
    with psycopg.connect(database_dsn, autocommit=True) as connection:
        connection.execute(
            f"CREATE TRIGGER raise_once BEFORE {verb} ON perdure.{table} EXECUTE FUNCTION perdure.raise_once()"
        )
    await commit_twice(owner)


async def test_a_conflict_at_commit(owner: Owner, database_dsn: str) -> None:
    with psycopg.connect(database_dsn, autocommit=True) as connection:
        connection.execute(
            "CREATE CONSTRAINT TRIGGER raise_once AFTER UPDATE ON perdure.shards DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION perdure.raise_once()"
        )
    await commit_twice(owner)


@pytest.mark.parametrize(
    ("table", "verb"), [("executions_visibility", "INSERT"), ("engine_nodes", "INSERT"), ("shards", "UPDATE")]
)
async def test_single_statements_are_asked_again(
    store: PostgresStore, database_dsn: str, table: str, verb: str
) -> None:
    with psycopg.connect(database_dsn, autocommit=True) as connection:
        connection.execute(
            f"CREATE TRIGGER raise_once BEFORE {verb} ON perdure.{table} EXECUTE FUNCTION perdure.raise_once()"
        )
    await store.upsert_visibility([visible("a")])
    assert await store.beat("engine-1", "host") == {"engine-1": 1}
    assert (await store.acquire_shard(5, "engine-1")).range_id == 1


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
        row = connection.execute("SELECT count(*) FROM perdure.executions").fetchone()
    assert row == (committed,)
    await rivals[1].close()
