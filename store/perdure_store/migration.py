"""Bringing the schema up to date.

Role: run the steps of `sql/migrations` that the ledger does not name yet, each a statement by itself (DDL ends the
open transaction on CockroachDB), under a lock that is a row with an expiry. Safe to run twice, at once, and again after
it was killed in the middle: a step is idempotent, and is noted only after it ran.

An upgrade has two halves (see `sql`): `migrate` adds what the new version needs, while the old one works on; `finish`
takes away what only the old one needed, and is refused as long as one of its engines runs. A new database gets both
at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import psycopg

from perdure_store import sql
from perdure_store.connection import Link
from perdure_store.dialect import Dialect
from perdure_store.errors import store_error
from perdure_store.port import OlderEnginesRun, SchemaMissing, StoreError, StoreUnavailable
from perdure_store.schema import check, dialect_of_server

LOCK_S = 60
"""A step that takes longer loses the lock to a waiting migration; both then repeat only idempotent steps."""

LOCK_WAIT_S = 120.0
LOCK_POLL_S = 0.1

ENGINE_AGE_S = 30
"""An engine counts as running for so long after its last sign of life; they come every second. Long enough for one that
swaps or is stopped for a moment, short enough to wait for after a crash."""

_RACES = {"23505", "42710", "42P06", "42P07", "XX000", "40001"}
"""What two `CREATE ... IF NOT EXISTS` at once raise: the loser finds the object there at its next try."""

_RACE_TRIES = 20

_TABLE_BUSY = "55P03"
"""The table could not be locked in time (`lock_timeout`): while DDL waits, all others wait behind it, so it waits for
short times, often."""

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


async def migrate(link: Link, shard_count: int, *, finish: bool) -> list[str]:
    """Bring the schema up to date (see `Store.migrate`)."""
    if not 1 <= shard_count <= 32767:
        raise StoreError(f"The shard count must be between 1 and 32,767, not {shard_count}; 16 fits most clusters.")
    dialect = await dialect_of_server(link)
    try:
        await check(link, dialect)
        if not finish or not await unfinished(link, dialect):
            return []
    except SchemaMissing:
        await _make_ledger(link)
    owner = str(uuid.uuid4())
    try:
        await _lock(link, owner)
        present = await _present(link)
        steps = [step for step in sql.migration_steps(dialect.name) if step.name not in present]
        if not await _is_founded(link, present):
            taken = await _run(link, owner, steps)
            await _found(link, dialect, shard_count)
            return taken
        taken = await _run(link, owner, [step for step in steps if not step.after])
        waiting = [step for step in steps if step.after]
        if finish and waiting:
            await _shut_out_older(link, waiting[-1].version)
            taken += await _run(link, owner, waiting)
        return taken
    finally:
        with contextlib.suppress(StoreUnavailable):  # it expires by itself, and must not hide why the migration failed
            await link.fetch("release_migration_lock", {"owner": owner})


async def unfinished(link: Link, dialect: Dialect) -> list[str]:
    """The steps that wait for the end of earlier versions."""
    present = await _present(link)
    return [step.name for step in sql.migration_steps(dialect.name) if step.after and step.name not in present]


async def _make_ledger(link: Link) -> None:
    async with link.held() as connection:
        try:
            for step in sql.ledger_steps():
                await _run_patiently(connection, step.statement)
        except psycopg.Error as error:
            raise store_error(error, str(link.address)) from error


async def _present(link: Link) -> set[str]:
    return {row[0] for row in await link.fetch("select_steps")}


async def _is_founded(link: Link, present: set[str]) -> bool:
    """False for a new database, also when its first migration was killed half-way: nobody can work with it yet."""
    made = {"001_initial/cluster", "001_initial/shards"} <= present
    return made and bool(await link.fetch("select_cluster")) and bool(await link.fetch("select_shards"))


async def _found(link: Link, dialect: Dialect, shard_count: int) -> None:
    floor = max((step.version for step in sql.migration_steps(dialect.name) if step.after), default=1)
    parameters = {"cluster_id": str(uuid.uuid4()), "shard_count": shard_count, "schema_floor": floor}
    await link.execute("insert_cluster", parameters)
    await link.execute("insert_shards")


async def _shut_out_older(link: Link, floor: int) -> None:
    """Let no engine made for an earlier schema than `floor` work from now on.

    Raises:
        OlderEnginesRun: one does.
    """
    parameters = {"floor": floor, "age_s": ENGINE_AGE_S}
    if not await link.fetch("raise_schema_floor", parameters):
        raise _older(floor, await link.fetch("older_nodes", parameters))
    # One that gave its first sign of life while the floor rose ends at its next one.
    deadline = time.monotonic() + 2 * ENGINE_AGE_S
    while older := await link.fetch("older_nodes", parameters):
        if time.monotonic() > deadline:
            raise _older(floor, older)
        await asyncio.sleep(LOCK_POLL_S)


def _older(floor: int, nodes: Sequence[tuple[Any, ...]]) -> OlderEnginesRun:
    names = ", ".join(f"{node} (schema version {version})" for node, version in nodes) or "one that has just ended"
    return OlderEnginesRun(
        "The migration cannot be finished: engines run that need what it takes away (made for a schema before version "
        f"{floor}): {names}. Stop or upgrade them, then run this again; one that crashed counts for {ENGINE_AGE_S} s. "
        "Nothing was taken away."
    )


async def _run(link: Link, owner: str, steps: Sequence[sql.Step]) -> list[str]:
    for step in steps:
        await _lock(link, owner)  # renews it
        async with link.held() as connection:
            try:
                await _run_patiently(connection, step.statement)
            except psycopg.Error as error:
                raise _step_error(link, step.name, error) from error
        await link.execute("insert_step", {"step": step.name})
    return [step.name for step in steps]


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


async def _run_patiently(connection: Connection, statement: str) -> None:
    deadline = time.monotonic() + LOCK_WAIT_S
    races = 0
    while True:
        try:
            await connection.execute(statement.encode(), prepare=False)
            return
        except psycopg.Error as error:
            races += error.sqlstate in _RACES
            busy = error.sqlstate == _TABLE_BUSY and time.monotonic() < deadline
            if not busy and (error.sqlstate not in _RACES or races == _RACE_TRIES):
                raise
        await asyncio.sleep(LOCK_POLL_S if busy else 0.01 * races)
