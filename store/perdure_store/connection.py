"""One connection to the database that comes back after it was lost.

Role: a `Link` holds one psycopg connection for one purpose, opens it when first used and again after a loss, and maps
what the driver raises. It never repeats a write by itself: that is the caller's decision (see the errors of the port).

Rules:
- One use at a time: `held()` is a lock.
- A connection that a use left in any other state than idle (an error, a cancellation) is closed, never reused.
- Autocommit: transactions are spelled out where they are wanted.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import count
from typing import Any

import psycopg
from psycopg import AsyncConnection, AsyncCursor, pq

from perdure_store import columns, sql
from perdure_store.address import Address
from perdure_store.dialect import Setting
from perdure_store.errors import ConnectionLost, store_error
from perdure_store.port import SerializationConflict, StoreUnavailable

Rows = list[tuple[Any, ...]]
Parameters = Sequence[Any] | Mapping[str, Any]

ATTEMPTS_MAX = 10
"""Tries of a single statement that the server wants again (40001); with SERIALIZABLE this is an everyday matter."""

_RETRY_DELAY_S = 0.005


class Link:
    """One connection for one purpose.

    Args:
        purpose: named in `application_name`, so that an operator sees who holds what.
        settings: session settings, applied where the server knows them.
        isolation: of every transaction, also of single statements.
    """

    def __init__(self, address: Address, purpose: str, *, isolation: str, settings: Sequence[Setting] = ()) -> None:
        self.address = address
        self._application_name = f"perdure {purpose}"
        self._settings = {setting.name: setting.value for setting in settings}
        self._settings["default_transaction_isolation"] = isolation
        self._connection: AsyncConnection[tuple[Any, ...]] | None = None
        self._lock = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[AsyncConnection[tuple[Any, ...]]]:
        """The connection, open, for one use at a time.

        Raises:
            StoreUnavailable: it cannot be opened.
        """
        async with self._lock:
            connection = await self._open()
            try:
                yield connection
            finally:
                if not is_idle(connection):
                    await self._drop()

    async def close(self) -> None:
        async with self._lock:
            await self._drop()

    async def close_unused(self) -> None:
        """Close the connection unless somebody is using it; the next use opens a new one."""
        if not self._lock.locked():
            await self.close()

    async def fetch(self, name: str, parameters: Parameters | None = None) -> Rows:
        """Run the query `name` by itself and return its rows (see `fetch_each`)."""
        return (await self.fetch_each([(name, parameters)]))[0]

    async def fetch_composed(self, statement: bytes, parameters: Parameters) -> Rows:
        """Run a statement made of fragments; not prepared, since there is no end of them. As `fetch_each` else."""
        return (await self.fetch_each([(statement, parameters)]))[0]

    async def fetch_each(self, statements: Sequence[tuple[str | bytes, Parameters | None]]) -> list[Rows]:
        """Run queries in one round trip, each by itself, and return the rows of each (`[]` for one that has none).

        For reads, and for writes that may happen twice: asked again while the server wants it (40001), and once when
        the connection turns out to be lost, as every one is after the server was restarted.

        Raises:
            StoreError: see `errors`.
        """
        lost = False
        for attempt in count(1):
            try:
                return await self._fetch_once(statements)
            except SerializationConflict:
                if attempt >= ATTEMPTS_MAX:
                    raise
                await asyncio.sleep(_RETRY_DELAY_S * 2**attempt * random.random())
            except ConnectionLost:
                if lost:
                    raise
                lost = True
        raise AssertionError("unreachable")

    async def execute(self, name: str, parameters: Parameters | None = None) -> int:
        """Run the query `name` by itself and return how many rows it touched; asked again only on 40001.

        Raises:
            StoreError: see `errors`.
        """
        for attempt in count(1):
            try:
                async with self.held() as connection:
                    return (await connection.execute(sql.query(name), parameters, binary=True)).rowcount
            except psycopg.Error as error:
                mapped = store_error(error, str(self.address))
                if not isinstance(mapped, SerializationConflict) or attempt >= ATTEMPTS_MAX:
                    raise mapped from error
                await asyncio.sleep(_RETRY_DELAY_S * 2**attempt * random.random())
        raise AssertionError("unreachable")

    async def _fetch_once(self, statements: Sequence[tuple[str | bytes, Parameters | None]]) -> list[Rows]:
        async with self.held() as connection:
            try:
                if len(statements) == 1:
                    name, parameters = statements[0]
                    cursors = [await _execute(connection, name, parameters)]
                else:
                    async with connection.pipeline() as pipeline:
                        cursors = []
                        for name, parameters in statements:
                            cursors.append(await _execute(connection, name, parameters))
                            await pipeline.sync()
                return [await cursor.fetchall() if cursor.description else [] for cursor in cursors]
            except psycopg.Error as error:
                raise store_error(error, str(self.address)) from error

    async def _open(self) -> AsyncConnection[tuple[Any, ...]]:
        if self._connection is not None and is_idle(self._connection):
            return self._connection
        await self._drop()
        conninfo = self.address.conninfo(self._application_name)
        try:
            connection = await AsyncConnection.connect(conninfo, autocommit=True, prepare_threshold=0)
        except psycopg.Error as error:
            raise StoreUnavailable(
                f"{self.address} cannot be reached: {_reason(error)}. Check that the server runs, and the address."
            ) from error
        self._connection = connection
        columns.register(connection)
        connection.prepared_max = None
        parameters = {"names": list(self._settings), "values": list(self._settings.values())}
        try:
            await connection.execute(sql.query("apply_settings"), parameters, prepare=False)
        except psycopg.Error as error:
            await self._drop()
            raise store_error(error, str(self.address)) from error
        return connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


async def _execute(
    connection: AsyncConnection[tuple[Any, ...]], statement: str | bytes, parameters: Parameters | None
) -> AsyncCursor[tuple[Any, ...]]:
    """A query by its name, or a statement made of fragments."""
    if isinstance(statement, bytes):
        return await connection.execute(statement, parameters, binary=True, prepare=False)
    return await connection.execute(sql.query(statement), parameters, binary=True)


def is_idle(connection: AsyncConnection[Any]) -> bool:
    """Open, outside a transaction, with nothing under way."""
    state = connection.pgconn.transaction_status
    return state == pq.TransactionStatus.IDLE and connection.pgconn.pipeline_status == pq.PipelineStatus.OFF


def _reason(error: psycopg.Error) -> str:
    """What the driver says of a failed attempt, on one line; libpq never repeats a password."""
    return " ".join(str(error).split()) or type(error).__name__
