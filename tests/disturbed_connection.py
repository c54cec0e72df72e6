"""psycopg's connection, disturbed: statements refused with 40001, connections lost, rows shuffled, locks left out.

Role: stands in for `AsyncConnection` under a store that does not know it (`disturb`). The server itself raises the
conflicts and sees the losses, so that pipelines and transactions are in the state in which real ones leave them.

A `Weather` says what becomes of each statement. Two things are always so, since nothing may rest on them:
- rows come back in any order, unless the statement's own ORDER BY says which;
- `FOR UPDATE` is left out: correctness rests on the fence.
"""

from __future__ import annotations

import os
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from enum import Enum
from functools import cache
from typing import Any, ClassVar, Protocol

import psycopg
import pytest
from psycopg import AsyncConnection, AsyncCursor, AsyncPipeline, pq

from perdure_store import sql

Row = tuple[Any, ...]

POSTGRES_FAULTS = """
CREATE SCHEMA IF NOT EXISTS perdure_faults;
CREATE OR REPLACE FUNCTION perdure_faults.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a conflict on purpose' USING ERRCODE = '40001';
END $$;
DROP TABLE IF EXISTS perdure_faults.statements, perdure_faults.commits;
CREATE TABLE perdure_faults.statements (number BIGINT);
CREATE TABLE perdure_faults.commits (number BIGINT);
CREATE TRIGGER refuse BEFORE INSERT ON perdure_faults.statements
EXECUTE FUNCTION perdure_faults.refuse();
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON perdure_faults.commits DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION perdure_faults.refuse();
"""
"""What a Postgres needs to refuse on demand; CockroachDB has a function of its own for it."""


class Fate(Enum):
    PASS = "it is carried out"
    CONFLICT = "the server refuses it with 40001; a COMMIT while it commits"
    LOSE = "the connection ends before it is sent"
    LOSE_ANSWER = "it is carried out, and the connection ends before the answer comes"


class Weather(Protocol):
    def fate_of(self, statement: bytes) -> Fate:
        """Asked once for each statement, until one was disturbed; then not before the next attempt."""


class _Refusals(Enum):
    """How to make a server refuse: instead of a statement, and ahead of a COMMIT."""

    POSTGRES = (b"INSERT INTO perdure_faults.statements VALUES (1)", b"INSERT INTO perdure_faults.commits VALUES (1)")
    COCKROACH = (b"SELECT crdb_internal.force_error('40001', 'a conflict on purpose')",) * 2


class _DisturbedCursor(AsyncCursor[Row]):
    in_order = True

    async def fetchall(self) -> list[Row]:
        rows = await super().fetchall()
        if not self.in_order:
            random.Random(len(rows)).shuffle(rows)
        return rows


class DisturbedConnection(AsyncConnection[Row]):
    """At most one statement of an attempt is disturbed: of a pipeline, of a transaction, or one by itself."""

    weather: ClassVar[Weather]
    refusals: ClassVar[_Refusals]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cursor_factory = _DisturbedCursor
        self._disturbed = False
        self._losing_answer = False

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[AsyncPipeline]:
        self._disturbed = False
        async with super().pipeline() as pipeline:
            yield pipeline
        if self._losing_answer:
            await self._lose_answer()

    async def execute(  # type: ignore[override]  # of the overloads, the store uses this one
        self, query: bytes, params: Any = None, *, prepare: bool | None = None, binary: bool = False
    ) -> AsyncCursor[Row]:
        in_pipeline = self.pgconn.pipeline_status != pq.PipelineStatus.OFF
        if not in_pipeline and self.pgconn.transaction_status == pq.TransactionStatus.IDLE:
            self._disturbed = False
        fate = Fate.PASS if self._disturbed else self.weather.fate_of(query)
        self._disturbed = self._disturbed or fate is not Fate.PASS
        if fate is Fate.CONFLICT:
            instead, ahead = self.refusals.value
            if query != b"COMMIT":
                return await super().execute(instead)
            await super().execute(ahead)
        if fate is Fate.LOSE:
            self._cut()
        cursor = await super().execute(query.replace(b"FOR UPDATE", b""), params, prepare=prepare, binary=binary)
        if isinstance(cursor, _DisturbedCursor):
            cursor.in_order = _says_its_order(query)
        if fate is Fate.LOSE_ANSWER:
            self._losing_answer = True
            if not in_pipeline:
                await self._lose_answer()
        return cursor

    async def _lose_answer(self) -> None:
        self._cut()
        await super().execute(b"SELECT 1")  # here the driver notices
        raise AssertionError("the connection was cut, and works")

    def _cut(self) -> None:
        with socket.socket(fileno=os.dup(self.pgconn.socket)) as end:
            end.shutdown(socket.SHUT_RDWR)


@cache
def _says_its_order(statement: bytes) -> bool:
    """Whether an ORDER BY stands outside all parentheses."""
    outside, depth = bytearray(), 0
    for byte in statement:
        depth += (byte == ord("(")) - (byte == ord(")"))
        if depth == 0:
            outside.append(byte)
    return b"ORDER BY" in outside


def disturb(monkeypatch: pytest.MonkeyPatch, weather: Weather, *, cockroach: bool = False) -> None:
    """Every connection that a store opens from now on is disturbed by `weather`."""

    class Connection(DisturbedConnection):
        pass

    Connection.weather = weather
    Connection.refusals = _Refusals.COCKROACH if cockroach else _Refusals.POSTGRES
    monkeypatch.setattr("perdure_store.connection.AsyncConnection", Connection)
    for module in ("connection", "takeover"):
        monkeypatch.setattr(f"perdure_store.{module}._RETRY_DELAY_S", 0.0)  # there is nobody to give way to


def let_refuse(dsn: str) -> None:
    """Prepare a database of Postgres for `Fate.CONFLICT`."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(POSTGRES_FAULTS)


# Kinds of weather ----------------------------------------------------------------------------------------------------

_operation: ContextVar[set[bytes] | None] = ContextVar("the statements that an operation has sent", default=None)


@contextmanager
def one_operation() -> Iterator[None]:
    """What happens inside, repetitions included, is one operation of its caller; outside of one all is calm."""
    token = _operation.set(set())
    try:
        yield
    finally:
        _operation.reset(token)


class ConflictsEverywhere:
    """Each statement of each operation (see `one_operation`) is refused the first time."""

    def fate_of(self, statement: bytes) -> Fate:
        sent = _operation.get()
        if sent is None or statement in sent:
            return Fate.PASS
        sent.add(statement)
        return Fate.CONFLICT


COUNTING = frozenset(
    sql.query(name)
    for name in (
        "acquire_shard",
        "beat",
        "delete_batches",
        "delete_dead_letter",
        "delete_deployment",
        "delete_expired_activities",
        "delete_history",
        "delete_namespace",
        "delete_overdue_activities",
        "delete_request_results",
        "delete_runs",
        "delete_schedule",
        "insert_batch",
        "insert_deployment",
        "insert_queue_settings",
        "insert_schedule",
        "redefine_schedule",
        "remove_search_attribute",
        "update_batch",
        "update_deployment",
        "update_queue_settings",
        "update_schedules",
    )
)
"""Statements whose second run says something else than the first, as the port allows where an answer was lost."""

TAKEOVER = b"COMMIT of " + sql.query("acquire_shard")


class LossesEverywhere:
    """For each statement of operations the connection is lost once before it is sent, and once before its answer
    comes."""

    def __init__(self) -> None:
        self._sent: Counter[bytes] = Counter()
        self._last = b""

    def fate_of(self, statement: bytes) -> Fate:
        if _operation.get() is None:
            return Fate.PASS
        if statement == b"COMMIT" and self._last == sql.query("acquire_shard"):
            statement = TAKEOVER
        self._last = statement
        self._sent[statement] += 1
        if self._sent[statement] == 1:
            return Fate.LOSE
        if self._sent[statement] == 2 and statement not in COUNTING | {TAKEOVER}:
            return Fate.LOSE_ANSWER
        return Fate.PASS


class Aimed:
    """The statement of this number is disturbed (from 0; none by default). `sent` is what passed by until then."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self._number = -1
        self._fate = Fate.PASS

    def aim(self, number: int = -1, fate: Fate = Fate.PASS) -> None:
        self.sent.clear()
        self._number, self._fate = number, fate

    def fate_of(self, statement: bytes) -> Fate:
        self.sent.append(statement)
        return self._fate if len(self.sent) - 1 == self._number else Fate.PASS
