"""Two versions over one database: what each may do before, between and after the two halves of a migration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from perdure_store import migration, sql
from perdure_store.port import FenceLost, OlderEnginesRun, SchemaMissing, SchemaTooNew
from perdure_store.postgres import PostgresStore
from tests.next_version import installed, make_sql
from tests.store_rows import Owner, execution, history, run_id
from tests.waiting import wait_until

ADDED = ["executions_cell", "history_events_written_by", "engine_nodes_host", "engine_nodes_address"]
TAKEN_AWAY = ["drop_engine_nodes_address", "history_events_written_by_default"]


@pytest.fixture
def next_sql(tmp_path: Path) -> Path:
    return make_sql(tmp_path / "sql")


@pytest.fixture
async def old(database_dsn: str) -> AsyncIterator[PostgresStore]:
    """A store of this version, which is the old one here; connected."""
    store = PostgresStore(database_dsn)
    await store.connect()
    yield store
    await store.close()


@pytest.fixture
async def new(database_dsn: str) -> AsyncIterator[PostgresStore]:
    """A store of the next version, as long as its SQL is installed; not connected."""
    store = PostgresStore(database_dsn)
    yield store
    await store.close()


def titles(steps: list[str]) -> list[str]:
    return [step.partition("/")[2] for step in steps]


def execute(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement.encode())


async def test_the_new_version_waits_for_its_first_half(next_sql: Path, new: PostgresStore) -> None:
    with installed(next_sql):
        with pytest.raises(SchemaMissing, match=r"4 steps are missing.*perdure db migrate"):
            await new.connect()
        assert titles(await new.migrate(16)) == ADDED
        await new.connect()
        assert await new.migrate(16) == []


async def test_both_versions_work_between_the_halves(next_sql: Path, old: PostgresStore, new: PostgresStore) -> None:
    """Shards move from one to the other and back; the old version may even start again."""
    before = await Owner.of(old, 0)
    await before.commit(executions=[execution("a")], history=[history("a", 1)])
    with installed(next_sql):
        await new.migrate(16)
        await new.connect()
        await new.beat("new", "host")
        after = await Owner.of(new, 0, name="new")
        await after.commit(history=[history("a", 2)])
    with pytest.raises(FenceLost):
        await before.commit(history=[history("a", 2)])
    await old.close()
    await old.connect()
    assert set(await old.beat("old", "host")) == {"old", "new"}
    again = await Owner.of(old, 0)
    await again.commit(history=[history("a", 3)])
    with installed(next_sql):
        rows = await new.read_history(0, run_id("a"))
        assert await new.migrate(16) == []
        assert titles(await new.unfinished_steps()) == TAKEN_AWAY
    assert rows == [history("a", number) for number in (1, 2, 3)]


async def test_the_second_half_is_refused_while_an_older_engine_runs(
    next_sql: Path, old: PostgresStore, new: PostgresStore
) -> None:
    await old.beat("old-1", "host")
    with installed(next_sql):
        await new.migrate(16)
        await new.beat("new-1", "host")
        with pytest.raises(OlderEnginesRun, match=r"old-1 \(schema version \d+\).*Nothing was taken away") as caught:
            await new.migrate(16, finish=True)
        assert "new-1" not in str(caught.value)
        assert titles(await new.unfinished_steps()) == TAKEN_AWAY
    await old.beat("old-1", "host")  # goes on as before
    await old.retire("old-1")
    with installed(next_sql):
        assert titles(await new.migrate(16, finish=True)) == TAKEN_AWAY
        assert await new.unfinished_steps() == []
        assert await new.migrate(16, finish=True) == []
        await new.beat("new-1", "host")


async def test_an_engine_that_crashed_counts_for_a_while(
    next_sql: Path, database_dsn: str, old: PostgresStore, new: PostgresStore
) -> None:
    await old.beat("crashed", "host")
    with installed(next_sql):
        await new.migrate(16)
        with pytest.raises(OlderEnginesRun, match="crashed"):
            await new.migrate(16, finish=True)
        age = f"INTERVAL '{migration.ENGINE_AGE_S + 1} seconds'"
        execute(database_dsn, f"UPDATE perdure.engine_nodes SET touched = clock_timestamp() - {age}")
        assert titles(await new.migrate(16, finish=True)) == TAKEN_AWAY


async def test_the_old_version_is_shut_out_in_the_end(next_sql: Path, old: PostgresStore, new: PostgresStore) -> None:
    """One that slept through it all can write nothing, ends at its next beat, and does not start again."""
    asleep = await Owner.of(old, 0)
    with installed(next_sql):
        await new.migrate(16, finish=True)
        await new.connect()
        awake = await Owner.of(new, 0, name="new")
    with pytest.raises(FenceLost):
        await asleep.commit(executions=[execution("a")])
    with pytest.raises((SchemaTooNew, SchemaMissing)):
        await old.beat("asleep", "host")
    with pytest.raises(SchemaTooNew, match="upgrade this installation"):
        await old.connect()
    with pytest.raises(SchemaTooNew):
        await old.migrate(16)
    with installed(next_sql):
        assert await new.beat("new", "host") == {"new": 1}
        await awake.commit(executions=[execution("a")], history=[history("a", 1)])


async def test_an_engine_that_starts_while_the_floor_rises_ends_at_its_next_beat(
    next_sql: Path, database_dsn: str, old: PostgresStore, new: PostgresStore
) -> None:
    """The migration waits for its end. What it takes away is still there, so the beat is refused by the floor."""
    with installed(next_sql):
        await new.migrate(16)
    execute(
        database_dsn,
        """
        CREATE FUNCTION perdure.start_one() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO perdure.engine_nodes (node, beats, touched, schema_version)
            VALUES ('slipped-in', 1, clock_timestamp(), 1);
            RETURN NULL;
        END $$;
        CREATE TRIGGER start_one AFTER UPDATE ON perdure.cluster EXECUTE FUNCTION perdure.start_one();
        """,
    )
    with installed(next_sql):
        finishing = asyncio.create_task(new.migrate(16, finish=True))

        async def floor_rose() -> bool:
            return bool((await old._reads.fetch("select_schema_floor"))[0][0] > 1)

        await wait_until(floor_rose, what="the floor rose")
        assert not finishing.done()
    with pytest.raises(SchemaTooNew):
        await old.beat("slipped-in", "host")
    with installed(next_sql):
        assert titles(await finishing) == TAKEN_AWAY


async def test_many_may_finish_at_once(next_sql: Path, database_dsn: str) -> None:
    with installed(next_sql):
        stores = [PostgresStore(database_dsn) for _ in range(4)]
        steps = await asyncio.gather(*(store.migrate(16, finish=True) for store in stores))
        taken = titles([step for taken in steps for step in taken])
        assert sorted(taken) == sorted(ADDED + TAKEN_AWAY)
        await stores[0].connect()
        await stores[0].close()


async def test_a_killed_end_is_taken_up_again(next_sql: Path, database_dsn: str, new: PostgresStore) -> None:
    with installed(next_sql):
        await new.migrate(16, finish=True)
        execute(database_dsn, f"DELETE FROM perdure.schema_steps WHERE step LIKE '%.after/{TAKEN_AWAY[1]}'")
        assert titles(await new.migrate(16, finish=True)) == TAKEN_AWAY[1:]


async def test_a_new_database_gets_both_halves_and_a_floor(next_sql: Path, empty_database_dsn: str) -> None:
    with installed(next_sql):
        store = PostgresStore(empty_database_dsn)
        steps = await store.migrate(4)
        assert set(TAKEN_AWAY) < set(titles(steps))
        assert await store.unfinished_steps() == []
        await store.connect()
        await store.close()
    with pytest.raises(SchemaTooNew):
        await store.connect()
    await store.close()


async def test_a_busy_table_holds_up_the_migration_and_not_the_engines(
    next_sql: Path, database_dsn: str, old: PostgresStore, new: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of a table waits for every transaction that has read it, and all others wait behind it: it gives up its
    place in the queue after a moment, and comes again."""
    owner = await Owner.of(old, 0)
    async with await psycopg.AsyncConnection.connect(database_dsn) as reader:
        await reader.execute("SELECT count(*) FROM perdure.executions")
        with installed(next_sql):
            migrating = asyncio.create_task(new.migrate(16))
            for number in range(1, 4):
                await wait_until(lambda: _waits(database_dsn), what="the migration waits for the reader")
                async with asyncio.timeout(10):
                    await owner.commit(executions=[execution(str(number), workflow_id=str(number))])
            assert not migrating.done()
            await reader.rollback()
            assert titles(await migrating) == ADDED


async def _waits(dsn: str) -> bool:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = 'perdure migrate' AND wait_event_type = 'Lock'"
        )
        return await cursor.fetchone() is not None


def test_this_version_has_nothing_that_only_the_next_one_has() -> None:
    assert not [step for step in sql.migration_steps("postgres") if "_next" in step.name]
