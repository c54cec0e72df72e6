"""The group commit: one transaction for all that a batch decided.

Role: turn a `CommitBatch` into statements, as a rule one insert and one delete or update a table, and send them with
COMMIT as one pipeline: one fsync, however many workflows. A short round trip before it, BEGIN and the lock of the
shards' rows, puts two commits that are under way in order.

Rules:
- The fence comes first, and raises: see `queries/advance_shards.sql`.
- Closes and deletes come before inserts, so that a run can follow another of its workflow id, and a task's next attempt
  take the key of the one before.
- Tables without rows are skipped.
- All of the pipeline may have reached the server when the connection is lost in it: that is an unknown outcome, always.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

import psycopg

from perdure_store import sql
from perdure_store.columns import Column, byteas, int8s, repeated_texts, texts, uuids
from perdure_store.connection import Link
from perdure_store.errors import store_error
from perdure_store.port import BatchRejected, CommitBatch, SnapshotRow

SNAPSHOT_CHUNK_BYTES = 500_000
"""Below 512 KiB: CockroachDB wants values under 1 MiB, and copies them when a range splits."""

ROWS_MAX = 2_500
"""Rows of one statement: of a large fan-out, the server writes the first while the next are being encoded and sent."""

Statement = tuple[str, Sequence[Any]]

# How each column of a row type is encoded, in order of its fields; None: not sent.
_SHARD = (int8s, int8s, int8s, texts, texts, int8s, int8s)
_CLOSE = (int8s, uuids, int8s, int8s, int8s, int8s)
_EXECUTION = (int8s, uuids, repeated_texts, texts, repeated_texts, repeated_texts) + (int8s,) * 5
_HISTORY = (int8s, uuids, int8s, int8s, byteas)
_SNAPSHOT = (int8s, uuids, int8s, int8s, byteas)
_RUN = (int8s, uuids)
_TRANSFER_KEY = (int8s, uuids, int8s, int8s)
_BACKLOG = (*_TRANSFER_KEY, int8s)
_TRANSFER = (
    (int8s, uuids, int8s, int8s, int8s, int8s, repeated_texts, repeated_texts, int8s, int8s, int8s, byteas, byteas,
     None, None, None, None)
)  # fmt: skip
_KEYED_TRANSFER = (*_TRANSFER[:14], repeated_texts, int8s, int8s)
_HEARTBEAT = (int8s, uuids, int8s, int8s, byteas)
_WORKER = (int8s, uuids, int8s, int8s, int8s, repeated_texts)
_TIMER_KEY = (int8s, int8s, uuids, int8s, int8s)
_TIMER = (int8s, int8s, uuids, int8s, int8s, int8s)
_REQUEST_RESULT = (int8s, uuids, texts, int8s, byteas)
_PAYLOAD = (int8s, uuids, byteas, byteas)
_PAYLOAD_COPY = (int8s, int8s, uuids, uuids, byteas)
_ACTIVITY = (
    int8s, uuids, int8s, repeated_texts, texts, repeated_texts, repeated_texts, int8s, int8s, int8s, int8s, int8s,
    repeated_texts, repeated_texts, byteas,
)  # fmt: skip
_DEAD_LETTER = (int8s, uuids, int8s, repeated_texts, texts, byteas)


def encode(encoders: Sequence[Any], rows: Sequence[tuple[Any, ...]]) -> list[Column]:
    """The columns of some rows."""
    return [encoder(column) for encoder, column in zip(encoders, zip(*rows, strict=True), strict=True) if encoder]


def statements_of(batch: CommitBatch) -> list[Statement]:
    """What a batch writes, in order.

    Raises:
        BatchRejected: a value that no column can hold.
    """
    if not batch.shards:
        raise BatchRejected("A batch must name at least one shard: without a fence nothing may be written.")
    try:
        return _statements_of(batch)
    except (ValueError, TypeError, AttributeError) as error:
        raise BatchRejected(f"A value cannot be written: {error}") from error


def _statements_of(batch: CommitBatch) -> list[Statement]:
    statements: list[Statement] = [("advance_shards", [*encode(_SHARD, batch.shards), len(batch.shards)])]

    def add(name: str, encoders: Sequence[Any], rows: Sequence[tuple[Any, ...]]) -> None:
        for start in range(0, len(rows), ROWS_MAX):
            statements.append((name, encode(encoders, rows[start : start + ROWS_MAX])))

    add("close_executions", _CLOSE, batch.closes)
    add("delete_transfer_tasks", _TRANSFER_KEY, batch.transfer_deletes)
    add("delete_timer_tasks", _TIMER_KEY, batch.timer_deletes)
    add("delete_snapshots", _RUN, [row[:2] for row in batch.snapshots])
    add("insert_executions", _EXECUTION, batch.executions)
    add("insert_history", _HISTORY, batch.history)
    add("insert_payloads", _PAYLOAD, batch.payloads)
    add("copy_payloads", _PAYLOAD_COPY, batch.payload_copies)
    add("insert_snapshots", _SNAPSHOT, [chunk for row in batch.snapshots for chunk in _chunks(row)])
    add("insert_transfer_tasks", _TRANSFER, batch.transfer_inserts)
    add("insert_keyed_transfer_tasks", _KEYED_TRANSFER, batch.keyed_inserts)
    add("backlog_transfer_tasks", _BACKLOG, batch.transfer_backlogs)
    add("update_heartbeats", _HEARTBEAT, batch.heartbeats)
    add("update_workers", _WORKER, batch.workers)
    add("put_activities", _ACTIVITY, batch.activities)
    add("insert_timer_tasks", _TIMER, batch.timer_inserts)
    add("insert_request_results", _REQUEST_RESULT, batch.request_results)
    add("insert_dead_letters", _DEAD_LETTER, batch.dead_letters)
    return statements


def _chunks(row: SnapshotRow) -> list[tuple[int, str, int, int, bytes]]:
    """A snapshot in pieces; an empty one has none, which removes it."""
    starts = range(0, len(row.data), SNAPSHOT_CHUNK_BYTES)
    return [
        (row.shard_id, row.run_id, number, row.batch_no, row.data[start : start + SNAPSHOT_CHUNK_BYTES])
        for number, start in enumerate(starts)
    ]


async def commit(link: Link, batch: CommitBatch, turn: asyncio.Lock) -> None:
    """Write a batch (see `Store.commit`).

    Args:
        turn: shared by the links of one store. It passes on once the shards are locked, so that of two commits under
            way the first is the first at the database too: a fence that overtakes the one before it would fail. All of
            the later one waits at the database by then, which goes from one to the other without asking back.
    """
    statements = statements_of(batch)
    async with AsyncExitStack() as waiting:
        await waiting.enter_async_context(turn)
        async with link.held() as connection:
            sent = False
            try:
                async with connection.pipeline():
                    await connection.execute(b"BEGIN")
                    shards = [int8s([row.shard_id for row in batch.shards])]
                    locked = await connection.execute(sql.query("lock_shards"), shards)
                    for name, parameters in statements:
                        await connection.execute(sql.query(name), parameters)
                    sent = True
                    await connection.execute(b"COMMIT")
                    await locked.fetchall()
                    await waiting.aclose()
            except psycopg.Error as error:
                mapped = store_error(error, str(link.address), committing=sent)
                if not connection.closed:
                    with suppress(psycopg.Error):  # broken within a pipeline: `held` drops it, since it is not idle
                        await connection.rollback()
                raise mapped from error
