"""Taking a shard, also from an owner that was stopped in the middle of a commit.

Role: one update raises the shard's range, after which every commit of an earlier owner fails. It waits for a commit
that is under way; a process that was stopped (SIGSTOP, a frozen machine) may hold the row for as long as it sleeps.
Servers with `transaction_timeout` end such a transaction by themselves; elsewhere its session is ended from here.
"""

from __future__ import annotations

import asyncio
import contextlib
import random

import psycopg

from perdure_store import sql
from perdure_store.connection import ATTEMPTS_MAX, Link
from perdure_store.dialect import Dialect
from perdure_store.errors import store_error
from perdure_store.port import SerializationConflict, ShardRow, StoreError

BLOCKED_S = 2.0
"""How long a takeover waits for a commit under way (which takes milliseconds) before it ends the session that holds the
row."""

_RETRY_DELAY_S = 0.005


async def acquire(link: Link, watcher: Link, dialect: Dialect, shard_id: int, owner: str) -> ShardRow:
    """Take a shard (see `Store.acquire_shard`).

    Args:
        link: waits for the row.
        watcher: looks meanwhile who holds it.
    """
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            return await _acquire(link, watcher, dialect, shard_id, owner)
        except SerializationConflict:
            if attempt == ATTEMPTS_MAX:
                raise
            await asyncio.sleep(_RETRY_DELAY_S * 2**attempt * random.random())
    raise AssertionError("unreachable")


async def _acquire(link: Link, watcher: Link, dialect: Dialect, shard_id: int, owner: str) -> ShardRow:
    parameters = {"shard_id": shard_id, "owner": owner}
    async with link.held() as connection:
        watch = asyncio.create_task(_end_blockers(watcher, dialect, connection.info.backend_pid))
        try:
            await connection.execute(dialect.begin_urgent.encode())
            cursor = await connection.execute(sql.query("acquire_shard"), parameters, binary=True)
            row = await cursor.fetchone()
            await connection.execute(b"COMMIT")
        except psycopg.Error as error:
            raise store_error(error, str(link.address)) from error
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError, StoreError):  # it only helps; the update says how it went
                await watch
    if row is None:
        raise StoreError(f"There is no shard {shard_id}; `cluster` says how many there are.")
    return ShardRow(*row)


async def _end_blockers(watcher: Link, dialect: Dialect, pid: int) -> None:
    while dialect.ends_blockers:
        await asyncio.sleep(BLOCKED_S)
        await watcher.fetch("end_blockers", {"pid": pid})
