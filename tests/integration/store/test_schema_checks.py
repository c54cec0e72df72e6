"""What the store says of databases that it cannot work with."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from perdure_store.port import SchemaMissing, SchemaTooNew, StoreUnavailable
from perdure_store.postgres import PostgresStore


def execute(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement.encode())


async def test_an_older_schema(database_dsn: str) -> None:
    execute(database_dsn, "DELETE FROM perdure.schema_steps WHERE step LIKE '%storage_shards'")
    store = PostgresStore(database_dsn)
    with pytest.raises(SchemaMissing, match=r"1 steps are missing.*storage_shards.*perdure db migrate"):
        await store.connect()
    assert await store.migrate(16) == ["001_initial.postgres/storage_shards"]
    await store.connect()
    await store.close()


async def test_a_newer_schema_that_only_added_things(database_dsn: str) -> None:
    execute(database_dsn, "INSERT INTO perdure.schema_steps VALUES ('999_future/table', now())")
    store = PostgresStore(database_dsn)
    await store.connect()
    assert await store.migrate(16) == []
    await store.close()


async def test_a_newer_schema_that_took_things_away(database_dsn: str) -> None:
    execute(database_dsn, "UPDATE perdure.cluster SET schema_floor = 999")
    store = PostgresStore(database_dsn)
    with pytest.raises(SchemaTooNew, match=r"for schema version 999.*upgrade"):
        await store.connect()
    with pytest.raises(SchemaTooNew):
        await store.migrate(16)
    await store.close()


async def test_a_migration_that_was_killed_goes_on(empty_database_dsn: str) -> None:
    """Its lock expires, its steps are idempotent: one that ran but was not noted runs again."""
    store = PostgresStore(empty_database_dsn)
    await store.migrate(16)
    execute(empty_database_dsn, "DELETE FROM perdure.schema_steps WHERE step > '001_initial/h'")
    execute(empty_database_dsn, "DELETE FROM perdure.cluster")
    execute(
        empty_database_dsn,
        "INSERT INTO perdure.migration_lock VALUES (1, 'killed', clock_timestamp() - INTERVAL '1 second')",
    )
    assert len(await store.migrate(8)) > 5
    await store.connect()
    assert (await store.cluster())[1] == 8
    await store.close()


async def test_a_database_that_does_not_exist(postgres_dsn: str) -> None:
    store = PostgresStore(make_conninfo(postgres_dsn, dbname="nowhere"))
    with pytest.raises(StoreUnavailable, match=r'"nowhere" does not exist'):
        await store.connect()
    await store.close()


async def test_no_server() -> None:
    store = PostgresStore("postgresql://me:secret-word@127.0.0.1:1/main")
    with pytest.raises(
        StoreUnavailable, match=r"127\.0\.0\.1:1 cannot be reached.*Check that the server runs"
    ) as caught:
        await store.connect()
    assert "secret-word" not in str(caught.value)
    await store.close()


async def test_connections_say_what_they_are_for(database_dsn: str) -> None:
    store = PostgresStore(database_dsn)
    await store.connect()
    await store.beat("engine-1", "host")
    with psycopg.connect(database_dsn) as connection:
        rows = connection.execute(
            "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'perdure %' "
            "AND datname = current_database() ORDER BY 1"
        ).fetchall()
    assert [row[0] for row in rows] == ["perdure beat", "perdure commit", "perdure commit", "perdure load"]
    await store.close()
