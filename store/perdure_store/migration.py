"""Bringing the schema up to date.

Role: run the steps of `sql/migrations` that the ledger does not name yet, each a statement by itself (DDL ends the
open transaction on CockroachDB), under a lock that is a row with an expiry. Safe to run twice, at once, and again after
it was killed in the middle: a step is idempotent, and is noted only after it ran.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg

from perdure_store import sql
from perdure_store.connection import Link
from perdure_store.dialect import Dialect, dialect_of
from perdure_store.errors import MIGRATE_HINT, store_error
from perdure_store.port import SchemaMissing, SchemaTooNew, StoreError

LOCK_S = 60
"""A step that takes longer loses the lock to a waiting migration; both then repeat only idempotent steps."""

LOCK_WAIT_S = 120.0
LOCK_POLL_S = 0.1

_RACES = {"23505", "42710", "42P06", "42P07", "XX000", "40001"}
"""What two `CREATE ... IF NOT EXISTS` at once raise: the loser finds the object there at its next try."""

_RACE_TRIES = 20

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


async def dialect_of_server(link: Link) -> Dialect:
    async with link.held() as connection:
        try:
            row = await (await connection.execute(b"SELECT version()")).fetchone()
        except psycopg.Error as error:
            raise store_error(error, str(link.address)) from error
    assert row is not None
    return dialect_of(row[0])


async def check(link: Link, dialect: Dialect) -> None:
    """Whether this version can work with the schema.

    Raises:
        SchemaMissing, SchemaTooNew
    """
    try:
        present = {row[0] for row in await link.fetch("select_steps")}
    except SchemaMissing:
        raise SchemaMissing(f"{link.address} has no schema of Perdure; {MIGRATE_HINT}.") from None
    known = [step.name for step in sql.migration_steps(dialect.name)]
    missing = [name for name in known if name not in present]
    if missing:
        raise SchemaMissing(
            f"{link.address} has an older schema of Perdure: {len(missing)} steps are missing, the first is "
            f"{missing[0]!r}; {MIGRATE_HINT}."
        )
    unknown = sorted(present.difference(known))
    if unknown:
        raise SchemaTooNew(
            f"{link.address} has a newer schema of Perdure than this version knows (step {unknown[-1]!r}); "
            "upgrade this installation of perdure."
        )
    if not await link.fetch("select_cluster") or not await link.fetch("select_shards"):
        raise SchemaMissing(f"{link.address} has a schema of Perdure that was not finished; {MIGRATE_HINT}.")


async def migrate(link: Link, shard_count: int) -> list[str]:
    """Bring the schema up to date (see `Store.migrate`)."""
    if not 1 <= shard_count <= 32767:
        raise StoreError(f"The shard count must be between 1 and 32,767, not {shard_count}; 16 fits most clusters.")
    dialect = await dialect_of_server(link)
    try:
        await check(link, dialect)
        return []
    except SchemaMissing:
        pass
    async with link.held() as connection:
        try:
            for step in sql.ledger_steps():
                await _run_racing(connection, step.statement)
        except psycopg.Error as error:
            raise store_error(error, str(link.address)) from error
    owner = str(uuid.uuid4())
    await _lock(link, owner)
    try:
        taken = await _run_steps(link, dialect, owner)
        parameters = {"cluster_id": str(uuid.uuid4()), "shard_count": shard_count}
        await link.execute("insert_cluster", parameters)
        await link.execute("insert_shards")
    finally:
        await link.execute("release_migration_lock", {"owner": owner})
    return taken


async def _run_steps(link: Link, dialect: Dialect, owner: str) -> list[str]:
    present = {row[0] for row in await link.fetch("select_steps")}
    taken = []
    for step in sql.migration_steps(dialect.name):
        if step.name in present:
            continue
        await _lock(link, owner)  # renews it
        async with link.held() as connection:
            try:
                await _run_racing(connection, step.statement)
            except psycopg.Error as error:
                raise _step_error(link, step.name, error) from error
        await link.execute("insert_step", {"step": step.name})
        taken.append(step.name)
    return taken


def _step_error(link: Link, name: str, error: psycopg.Error) -> StoreError:
    mapped = store_error(error, str(link.address))
    return type(mapped)(f"Step {name!r} of the migration failed: {mapped}")


async def _lock(link: Link, owner: str) -> None:
    deadline = time.monotonic() + LOCK_WAIT_S
    parameters = {"owner": owner, "seconds": LOCK_S}
    await _until(lambda: link.fetch("take_migration_lock", parameters), deadline, link)


async def _until(attempt: Callable[[], Awaitable[Any]], deadline: float, link: Link) -> None:
    """Try until another migration has finished, or its lock has expired."""
    while not await attempt():
        if time.monotonic() > deadline:
            raise StoreError(
                f"Another migration of {link.address} has been running for {LOCK_WAIT_S:.0f} s. See what it waits for "
                "(a long transaction of an application holds up DDL), then run this again."
            )
        await asyncio.sleep(LOCK_POLL_S)


async def _run_racing(connection: Connection, statement: str) -> None:
    for attempt in range(_RACE_TRIES):
        try:
            await connection.execute(statement.encode(), prepare=False)
            return
        except psycopg.Error as error:
            if error.sqlstate not in _RACES or attempt == _RACE_TRIES - 1:
                raise
            await asyncio.sleep(0.01 * (attempt + 1))
