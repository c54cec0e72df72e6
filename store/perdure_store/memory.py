"""The store in memory: the semantics of the database, without one.

Role: tests, simulation, and environments that need no server. A `MemoryDatabase` is the data; a `MemoryStore` is one
engine's connection to it, so that several engines can share, and fence out each other.

Rules:
- No I/O, no clock, no randomness: equal calls give equal answers. Each call yields once to the event loop, as a call to
  a server would.
- Faults come from outside, through the two hooks.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from enum import Enum
from heapq import nsmallest
from itertools import groupby, islice

from perdure_store import memory_lists
from perdure_store.catalog import NamespaceRow
from perdure_store.list_query import GroupCount, ListQuery, Place
from perdure_store.memory_activities import MemoryActivities
from perdure_store.memory_activity_lists import MemoryActivityLists
from perdure_store.memory_catalog import MemoryCatalog
from perdure_store.memory_flow import MemoryFlow
from perdure_store.memory_schedules import MemorySchedules
from perdure_store.memory_tables import OPEN, MemoryDatabase, Run, check_texts
from perdure_store.port import (
    BatchRejected,
    CommitBatch,
    DeadLetterRow,
    ExecutionKey,
    ExecutionRow,
    ExpiredRun,
    HeartbeatRow,
    HistoryRow,
    LoadedExecution,
    SchemaMissing,
    SerializationConflict,
    ShardRow,
    StoreError,
    StoreUnavailable,
    TimerKey,
    TimerRow,
    TransferKey,
    TransferRow,
    UnknownOutcome,
    VisibilityRow,
)

__all__ = ["CallHook", "CommitFault", "CommitHook", "MemoryDatabase", "MemoryStore"]

_CLUSTER_SPACE = uuid.UUID("0b0c7bd1-5d55-5d0a-8f0f-6a3f3d0f2a11")


class CommitFault(Enum):
    """What becomes of one commit."""

    NONE = "it is written"
    UNAVAILABLE = "it is not written; StoreUnavailable"
    CONFLICT = "it is not written; SerializationConflict"
    UNKNOWN_LOST = "it is not written; UnknownOutcome"
    UNKNOWN_WRITTEN = "it is written; UnknownOutcome"


CommitHook = Callable[[CommitBatch], Awaitable[CommitFault]]
"""Awaited before each commit; may sleep, to make it slow."""

CallHook = Callable[[str], Awaitable[None]]
"""Awaited before every other call, with the method's name; may raise `StoreUnavailable`, or sleep."""


class MemoryStore(MemoryCatalog, MemoryFlow, MemoryActivities, MemoryActivityLists, MemorySchedules):
    """See `port.Store`.

    Args:
        database: shared with other stores; a new one when None.
        on_commit: decides the fate of each commit.
        on_call: may fail or delay every other call.
    """

    def __init__(
        self,
        database: MemoryDatabase | None = None,
        *,
        on_commit: CommitHook | None = None,
        on_call: CallHook | None = None,
    ) -> None:
        self.database = MemoryDatabase() if database is None else database
        self._on_commit = on_commit
        self._on_call = on_call
        self._commit_turn = asyncio.Lock()

    async def _called(self, method: str) -> MemoryDatabase:
        await asyncio.sleep(0)
        if self._on_call is not None:
            await self._on_call(method)
        return self.database

    async def connect(self) -> None:
        database = await self._called("connect")
        if database.cluster is None:
            raise SchemaMissing("The in-memory store is empty; call `migrate` first.")

    async def close(self) -> None:
        await asyncio.sleep(0)

    async def migrate(self, shard_count: int, *, finish: bool = False) -> list[str]:
        """`finish` has no effect: this data lives and dies with one version."""
        database = await self._called("migrate")
        if not 1 <= shard_count <= 32767:
            raise StoreError(f"The shard count must be between 1 and 32,767, not {shard_count}; 16 fits most clusters.")
        if database.cluster is not None:
            return []
        database.found(str(uuid.uuid5(_CLUSTER_SPACE, str(shard_count))), shard_count)
        return ["memory"]

    async def unfinished_steps(self) -> list[str]:
        await self._called("unfinished_steps")
        return []

    async def cluster(self) -> tuple[str, int]:
        database = await self._called("cluster")
        if database.cluster is None:
            raise SchemaMissing("The in-memory store is empty; call `migrate` first.")
        return database.cluster

    # Ownership -----------------------------------------------------------------------------------------------------
    async def beat(self, node: str, address: str) -> dict[str, int]:
        """Nodes stay until they retire: there is no clock here to age them by."""
        database = await self._called("beat")
        database.nodes[node] = database.nodes.get(node, 0) + 1
        return dict(sorted(database.nodes.items()))

    async def retire(self, node: str) -> None:
        (await self._called("retire")).nodes.pop(node, None)

    async def acquire_shard(self, shard_id: int, owner: str) -> ShardRow:
        database = await self._called("acquire_shard")
        row = _shard(database, shard_id)
        database.shards[shard_id] = row._replace(range_id=row.range_id + 1, owner=owner)
        return database.shards[shard_id]

    async def release_shard(self, shard_id: int, range_id: int) -> None:
        database = await self._called("release_shard")
        row = _shard(database, shard_id)
        if row.range_id == range_id:
            database.shards[shard_id] = row._replace(owner="")

    async def shard(self, shard_id: int) -> ShardRow:
        return _shard(await self._called("shard"), shard_id)

    async def shards(self) -> list[ShardRow]:
        database = await self._called("shards")
        return [database.shards[shard_id] for shard_id in sorted(database.shards)]

    # The hot path --------------------------------------------------------------------------------------------------
    async def commit(self, batch: CommitBatch) -> None:
        await asyncio.sleep(0)
        async with self._commit_turn:  # a slow commit is not overtaken by the one after it
            fault = CommitFault.NONE if self._on_commit is None else await self._on_commit(batch)
            if fault is CommitFault.UNAVAILABLE:
                raise StoreUnavailable("The in-memory store was told to be unavailable; nothing was written.")
            if fault is CommitFault.CONFLICT:
                raise SerializationConflict("The in-memory store was told to conflict; nothing was written.")
            if fault is not CommitFault.UNKNOWN_LOST:
                self.database.commit(batch)
            if fault in (CommitFault.UNKNOWN_LOST, CommitFault.UNKNOWN_WRITTEN):
                raise UnknownOutcome("The in-memory store was told to lose the outcome of this commit.")

    async def load(self, keys: Sequence[ExecutionKey]) -> list[list[LoadedExecution]]:
        database = await self._called("load")
        return [_load(database, key) for key in keys]

    # Beside it -----------------------------------------------------------------------------------------------------
    async def read_history(
        self, shard_id: int, run_id: str, *, after_batch_no: int = 0, limit: int = 1000
    ) -> list[HistoryRow]:
        database = await self._called("read_history")
        return _history_after(database, (shard_id, run_id), after_batch_no)[:limit]

    async def last_history_row(self, shard_id: int, run_id: str) -> HistoryRow | None:
        database = await self._called("last_history_row")
        rows = database.history.get((shard_id, run_id))
        return rows[max(rows)] if rows else None

    async def request_exists(self, shard_id: int, run_id: str, request_id: str) -> bool:
        database = await self._called("request_exists")
        return request_id in database.request_results.get((shard_id, run_id), ())

    async def read_payloads(
        self, shard_id: int, namespace: str, run_id: str, hashes: Sequence[bytes]
    ) -> dict[bytes, bytes]:
        database = await self._called("read_payloads")
        row = database.executions.get((shard_id, run_id))
        if row is None or row.namespace != namespace:
            return {}
        kept = database.payloads.get((shard_id, run_id), {})
        return {hash_: kept[hash_] for hash_ in hashes if hash_ in kept}

    async def timers(self, shard_id: int, *, after: TimerKey | None, until_us: int, limit: int) -> list[TimerRow]:
        database = await self._called("timers")
        rows = (
            row
            for key, row in database.timers[shard_id].items()
            if key.fire_at_us <= until_us and (after is None or key > after)
        )
        return nsmallest(limit, rows)

    async def next_timer(self, shard_id: int, after_us: int) -> int | None:
        database = await self._called("next_timer")
        return min((key.fire_at_us for key in database.timers[shard_id] if key.fire_at_us > after_us), default=None)

    async def outstanding(
        self, shard_id: int, *, after: TransferKey | None, limit: int, with_data: bool = True
    ) -> list[TransferRow]:
        database = await self._called("outstanding")
        rows = database.transfer[shard_id]
        keys = nsmallest(limit, (key for key in rows if after is None or key > after))
        return [rows[key] if with_data else rows[key]._replace(data=b"", heartbeat=b"") for key in keys]

    async def transfer_rows(self, keys: Sequence[TransferKey]) -> list[TransferRow]:
        database = await self._called("transfer_rows")
        return [database.transfer[key.shard_id][key] for key in sorted(keys) if key in database.transfer[key.shard_id]]

    async def backlog(
        self, namespace: str, task_queue: str, kind: int, priority: int, cursors: Mapping[int, int], *, limit: int
    ) -> list[TransferRow]:
        database = await self._called("backlog")
        queue = (namespace, task_queue, kind, priority)
        turns = []
        for shard_id in sorted(database.transfer):
            waiting = sorted(
                (row.task_id, row)
                for row in database.transfer[shard_id].values()
                if row.backlog
                and (row.namespace, row.task_queue, row.kind, row.priority) == queue
                and row.task_id > cursors.get(shard_id, 0)
            )
            turns += [(turn, shard_id, row) for turn, (_, row) in enumerate(waiting[:limit])]
        return [row for _, _, row in islice(sorted(turns), limit)]

    async def backlog_queues(self) -> list[tuple[str, str, int, int]]:
        database = await self._called("backlog_queues")
        queues = sorted(
            (row.namespace, row.task_queue, row.kind)
            for rows in database.transfer.values()
            for row in rows.values()
            if row.backlog
        )
        return [(*queue, len(list(rows))) for queue, rows in groupby(queues)]

    # Visibility ----------------------------------------------------------------------------------------------------
    async def upsert_visibility(self, rows: Sequence[VisibilityRow]) -> None:
        database = await self._called("upsert_visibility")
        check_texts(text for row in rows for text in (row.workflow_id, row.workflow_type, row.task_queue))
        for row in rows:
            known = database.visibility.get((row.namespace, row.run_id))
            if known is None or known.version < row.version:
                database.visibility[row.namespace, row.run_id] = row

    async def list_visibility(self, query: ListQuery, *, limit: int, after: Place | None = None) -> list[VisibilityRow]:
        database = await self._called("list_visibility")
        return memory_lists.page(database.visibility.values(), query, limit=limit, after=after)

    async def count_visibility(self, query: ListQuery, *, limit: int = 1000) -> list[GroupCount]:
        database = await self._called("count_visibility")
        return memory_lists.count(database.visibility.values(), query, limit=limit)

    # Dead letters --------------------------------------------------------------------------------------------------
    async def dead_letters(self, *, limit: int, before: tuple[int, str] | None = None) -> list[DeadLetterRow]:
        database = await self._called("dead_letters")
        rows = [
            row for row in database.dead_letters.values() if before is None or (row.created_us, row.letter_id) < before
        ]
        rows.sort(key=lambda row: (row.created_us, row.letter_id), reverse=True)
        return rows[:limit]

    async def dead_letter(self, letter_id: str) -> DeadLetterRow | None:
        return (await self._called("dead_letter")).dead_letters.get(letter_id)

    async def delete_dead_letter(self, letter_id: str) -> bool:
        return (await self._called("delete_dead_letter")).dead_letters.pop(letter_id, None) is not None

    # Upkeep --------------------------------------------------------------------------------------------------------
    async def delete_request_results(self, created_before_us: int, limit: int) -> int:
        database = await self._called("delete_request_results")
        old = [
            (rows, row.request_id)
            for rows in database.request_results.values()
            for row in rows.values()
            if row.created_us < created_before_us
        ][:limit]
        for rows, request_id in old:
            del rows[request_id]
        return len(old)

    # Retention -----------------------------------------------------------------------------------------------------
    async def retentions(self) -> dict[str, int]:
        namespaces = (await self._called("retentions")).namespaces
        return {name: namespaces[name].retention_ms for name in sorted(namespaces)}

    async def set_retention(self, namespace: str, retention_ms: int) -> None:
        database = await self._called("set_retention")
        if retention_ms <= 0:
            raise BatchRejected(f"A retention must be above 0, not {retention_ms} ms.")
        known = database.namespaces.get(namespace, NamespaceRow(namespace, retention_ms, 0))
        database.namespaces[namespace] = known._replace(retention_ms=retention_ms)

    async def closed_namespaces(self, shard_id: int) -> list[str]:
        database = await self._called("closed_namespaces")
        return sorted({row.namespace for row in _closed(database, shard_id)})

    async def expired_runs(
        self, shard_id: int, namespace: str, *, closed_from_us: int, closed_before_us: int, limit: int
    ) -> list[ExpiredRun]:
        database = await self._called("expired_runs")
        busy = {key.run_id for key in database.transfer[shard_id]}
        rows = sorted(
            (row.close_time_us, row.run_id, row.history_length)
            for row in _closed(database, shard_id)
            if row.namespace == namespace
            and closed_from_us <= row.close_time_us < closed_before_us
            and row.run_id not in busy
        )
        return [ExpiredRun(run_id, length) for _, run_id, length in rows[:limit]]

    async def delete_history(self, shard_id: int, range_id: int, run_id: str, limit: int) -> int:
        database = await self._called("delete_history")
        row = database.executions.get((shard_id, run_id))
        if row is None or row.status == OPEN or _shard(database, shard_id).range_id != range_id:
            return 0
        rows = database.history[shard_id, run_id]
        gone = sorted(rows)[:limit]
        for batch_no in gone:
            del rows[batch_no]
        return len(gone)

    async def delete_runs(self, shard_id: int, range_id: int, run_ids: Sequence[str]) -> int:
        database = await self._called("delete_runs")
        if _shard(database, shard_id).range_id != range_id:
            return 0
        busy = {key.run_id for key in database.transfer[shard_id]}
        rows = [database.executions.get((shard_id, run_id)) for run_id in dict.fromkeys(run_ids)]
        gone = [row for row in rows if row is not None and row.status != OPEN and row.run_id not in busy]
        for row in gone:
            database.forget_run(row)
        return len(gone)

    async def delete_visibility(self, namespace: str, run_ids: Sequence[str]) -> None:
        database = await self._called("delete_visibility")
        for run_id in run_ids:
            database.visibility.pop((namespace, run_id), None)


def _closed(database: MemoryDatabase, shard_id: int) -> Iterator[ExecutionRow]:
    return (row for row in database.executions.values() if row.shard_id == shard_id and row.status != OPEN)


def _shard(database: MemoryDatabase, shard_id: int) -> ShardRow:
    if shard_id not in database.shards:
        raise StoreError(f"There is no shard {shard_id}; `cluster` says how many there are.")
    return database.shards[shard_id]


def _load(database: MemoryDatabase, key: ExecutionKey) -> list[LoadedExecution]:
    named = database.executions.get((key.shard_id, key.run_id)) if key.run_id else _latest(database, key)
    candidate = database.executions.get((key.shard_id, key.candidate_run_id))
    rows = [row for row in (named, candidate) if row is not None]
    return [_loaded(database, row) for row in dict.fromkeys(rows)]


def _latest(database: MemoryDatabase, key: ExecutionKey) -> ExecutionRow | None:
    """The open run of a workflow id, else the last closed one."""
    workflow = (key.shard_id, key.namespace, key.workflow_id)
    run_id = database.open_runs.get(workflow)
    if run_id is not None:
        return database.executions[key.shard_id, run_id]
    closed = (database.executions[key.shard_id, run_id] for run_id in database.closed_runs.get(workflow, ()))
    return max(closed, key=lambda row: (row.close_time_us, row.run_id), default=None)


def _loaded(database: MemoryDatabase, row: ExecutionRow) -> LoadedExecution:
    run = (row.shard_id, row.run_id)
    results = sorted(database.request_results.get(run, {}).values(), key=lambda row: (row.created_us, row.request_id))
    request_ids = tuple(result.request_id for result in results)
    if row.status != OPEN:
        return LoadedExecution(row, b"", 0, (), (), request_ids)
    snapshot = database.snapshots.get(run)
    batch_no = snapshot.batch_no if snapshot else 0
    tasks = sorted(task for task in database.transfer[row.shard_id].values() if task.run_id == row.run_id)
    return LoadedExecution(
        row=row,
        snapshot=snapshot.data if snapshot else b"",
        snapshot_batch_no=batch_no,
        history=tuple(_history_after(database, run, batch_no)),
        heartbeats=tuple(HeartbeatRow(*task[:4], task.heartbeat) for task in tasks if task.heartbeat),
        request_ids=request_ids,
    )


def _history_after(database: MemoryDatabase, run: Run, batch_no: int) -> list[HistoryRow]:
    rows = database.history.get(run, {})
    return [rows[number] for number in sorted(rows) if number > batch_no]
