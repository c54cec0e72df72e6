"""What was acknowledged is on disk, whatever the server's default says."""

from __future__ import annotations

import psycopg
from psycopg.conninfo import conninfo_to_dict

from perdure_store.postgres import PostgresStore


async def test_commits_wait_for_the_disk(database_dsn: str) -> None:
    name = conninfo_to_dict(database_dsn)["dbname"]
    with psycopg.connect(database_dsn, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off".encode())
    store = PostgresStore(database_dsn)
    await store.connect()
    for link in (*store._commits, store._takeovers, store._list_writes):
        async with link.held() as connection:
            shown = await (await connection.execute(b"SHOW synchronous_commit")).fetchone()
        assert shown == ("on",)
    await store.close()
