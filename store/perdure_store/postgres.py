"""The store on Postgres or CockroachDB.

Role: composition. Each method of the port is one query of `sql/queries` (the commit, loading, visibility and migration
have modules of their own), on the connection that its purpose has.

Rules:
- Connections are few and each has one purpose, so that a long read never delays a commit, a load or a heartbeat.
  All but the first two open when first used.
- Direct connections, or a pooler in session mode: pipelines and prepared statements need one session.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from perdure_store import commit, loading, migration, retention, schema, sql, takeover, visibility
from perdure_store.activities_sql import SqlActivities
from perdure_store.activity_lists_sql import SqlActivityLists
from perdure_store.address import Address
from perdure_store.catalog_sql import SqlCatalog
from perdure_store.columns import byteas, int8s, uuids
from perdure_store.connection import Link
from perdure_store.dialect import DURABLE, LISTS, MIGRATION, PLANNER, POSTGRES, TRANSACTION_TIMEOUTS, Dialect
from perdure_store.errors import ConnectionLost
from perdure_store.flow_sql import SqlFlow
from perdure_store.list_query import GroupCount, ListQuery, Place
from perdure_store.port import (
    CommitBatch,
    DeadLetterRow,
    ExecutionKey,
    ExpiredRun,
    HistoryRow,
    LoadedExecution,
    SchemaTooNew,
    ShardRow,
    StoreError,
    TimerKey,
    TimerRow,
    TransferKey,
    TransferRow,
    UnknownOutcome,
    VisibilityRow,
)
from perdure_store.schedules_sql import SqlSchedules

NODE_AGE_S = 600
"""Engines that have not said anything for so long are forgotten; the living judge far sooner."""

_NIL = "00000000-0000-0000-0000-000000000000"
_LAST_US = 2**63 - 1
_KEYS = (int8s, uuids, int8s, int8s)


class PostgresStore(SqlCatalog, SqlFlow, SqlActivities, SqlActivityLists, SqlSchedules):
    """See `port.Store`.

    Args:
        dsn: a URL or key-value string, as libpq takes it.
        visibility_dsn: another database for lists and counts; it must have been migrated too.
        isolation: of every transaction. The store is right at either; READ COMMITTED has fewer repetitions.
    """

    def __init__(self, dsn: str, *, visibility_dsn: str | None = None, isolation: str = "read committed") -> None:
        address = Address(dsn)
        hot = (*PLANNER, *TRANSACTION_TIMEOUTS, *DURABLE)
        self._commits = deque(Link(address, "commit", isolation=isolation, settings=hot) for _ in range(2))
        self._commit_turn = asyncio.Lock()
        self._loads = Link(address, "load", isolation=isolation, settings=PLANNER)
        self._reads = Link(address, "read", isolation=isolation, settings=PLANNER)
        self._beats = Link(address, "beat", isolation=isolation, settings=TRANSACTION_TIMEOUTS)
        self._takeovers = Link(address, "takeover", isolation=isolation, settings=DURABLE)
        self._upkeep = Link(address, "upkeep", isolation=isolation, settings=PLANNER)
        SqlCatalog.__init__(self, self._upkeep)
        SqlFlow.__init__(self, self._reads)
        SqlActivities.__init__(self, self._loads, self._upkeep)
        self._activity_reads = Link(address, "activity-list", isolation=isolation, settings=LISTS)
        SqlActivityLists.__init__(self, self._activity_reads)
        SqlSchedules.__init__(self, self._upkeep)
        self._schema = Link(address, "migrate", isolation=isolation, settings=MIGRATION)
        lists = Address(visibility_dsn) if visibility_dsn else address
        self._lists = Link(lists, "list", isolation=isolation, settings=LISTS)
        self._list_writes = Link(lists, "visibility", isolation=isolation, settings=hot)
        self._dialect: Dialect = POSTGRES

    async def connect(self) -> None:
        self._dialect = await schema.dialect_of_server(self._loads)
        await schema.check(self._loads, self._dialect)
        for link in self._commits:
            async with link.held():
                pass

    async def close(self) -> None:
        for link in (*self._commits, self._loads, self._reads, self._beats, self._takeovers, self._upkeep):
            await link.close()
        await self._activity_reads.close()
        await self._lists.close()
        await self._list_writes.close()

    async def migrate(self, shard_count: int, *, finish: bool = False) -> list[str]:
        try:
            return await migration.migrate(self._schema, shard_count, finish=finish)
        finally:
            await self._schema.close()

    async def unfinished_steps(self) -> list[str]:
        try:
            return await migration.unfinished(self._schema, await schema.dialect_of_server(self._schema))
        finally:
            await self._schema.close()

    async def cluster(self) -> tuple[str, int]:
        rows = await self._reads.fetch("select_cluster")
        return rows[0][0], rows[0][1]

    # Ownership -----------------------------------------------------------------------------------------------------
    async def beat(self, node: str, address: str) -> dict[str, int]:
        _, _, nodes, floors = await self._beats.fetch_each(
            [
                ("beat", {"node": node, "address": address, "schema_version": sql.schema_version()}),
                ("delete_old_nodes", {"age_s": NODE_AGE_S}),
                ("select_nodes", None),
                ("select_schema_floor", None),
            ]
        )
        try:
            schema.admit(floors[0][0], self._beats.address)
        except SchemaTooNew:
            await self.retire(node)
            raise
        return dict(nodes)

    async def retire(self, node: str) -> None:
        await self._beats.execute("delete_node", {"node": node})

    async def acquire_shard(self, shard_id: int, owner: str) -> ShardRow:
        return await takeover.acquire(self._takeovers, self._beats, self._dialect, shard_id, owner)

    async def release_shard(self, shard_id: int, range_id: int) -> None:
        await self._beats.execute("release_shard", {"shard_id": shard_id, "range_id": range_id})

    async def shard(self, shard_id: int) -> ShardRow:
        rows = await self._reads.fetch("select_shard", {"shard_id": shard_id})
        if not rows:
            raise StoreError(f"There is no shard {shard_id}; `cluster` says how many there are.")
        return ShardRow(*rows[0])

    async def shards(self) -> list[ShardRow]:
        return [ShardRow(*row) for row in await self._reads.fetch("select_shards")]

    # The hot path --------------------------------------------------------------------------------------------------
    async def commit(self, batch: CommitBatch) -> None:
        self._commits.rotate()
        try:
            await commit.commit(self._commits[0], batch, self._commit_turn)
        except (ConnectionLost, UnknownOutcome):
            # What ended this connection most likely ended the other: a new one says sooner whether the server is there.
            for link in self._commits:
                await link.close_unused()
            raise

    async def load(self, keys: Sequence[ExecutionKey]) -> list[list[LoadedExecution]]:
        return await loading.load(self._loads, keys)

    # Beside it -----------------------------------------------------------------------------------------------------
    async def read_history(
        self, shard_id: int, run_id: str, *, after_batch_no: int = 0, limit: int = 1000
    ) -> list[HistoryRow]:
        parameters = {"shard_id": shard_id, "run_id": run_id, "after_batch_no": after_batch_no, "limit": limit}
        return [HistoryRow(*row) for row in await self._reads.fetch("read_history", parameters)]

    async def last_history_row(self, shard_id: int, run_id: str) -> HistoryRow | None:
        rows = await self._reads.fetch("last_history_row", {"shard_id": shard_id, "run_id": run_id})
        return HistoryRow(*rows[0]) if rows else None

    async def request_exists(self, shard_id: int, run_id: str, request_id: str) -> bool:
        parameters = {"shard_id": shard_id, "run_id": run_id, "request_id": request_id}
        return bool(await self._reads.fetch("request_exists", parameters))

    async def read_payloads(
        self, shard_id: int, namespace: str, run_id: str, hashes: Sequence[bytes]
    ) -> dict[bytes, bytes]:
        parameters = {"shard_id": shard_id, "namespace": namespace, "run_id": run_id, "hashes": byteas(hashes)}
        return dict(await self._reads.fetch("read_payloads", parameters))

    async def timers(self, shard_id: int, *, after: TimerKey | None, until_us: int, limit: int) -> list[TimerRow]:
        start = after or TimerKey(shard_id, -1, _NIL, 0, 0)
        parameters = {
            "shard_id": shard_id,
            "until_us": until_us,
            "fire_at_us": start.fire_at_us,
            "run_id": start.run_id,
            "kind": start.kind,
            "event_id": start.event_id,
            "limit": limit,
        }
        return [TimerRow(*row) for row in await self._reads.fetch("timers", parameters)]

    async def next_timer(self, shard_id: int, after_us: int) -> int | None:
        rows = await self._reads.fetch("next_timer", {"shard_id": shard_id, "after_us": after_us})
        return rows[0][0] if rows else None

    async def outstanding(
        self, shard_id: int, *, after: TransferKey | None, limit: int, with_data: bool = True
    ) -> list[TransferRow]:
        start = after or TransferKey(shard_id, _NIL, -1, 0)
        parameters = {
            "shard_id": shard_id,
            "run_id": start.run_id,
            "kind": start.kind,
            "event_id": start.event_id,
            "limit": limit,
            "with_data": with_data,
        }
        return [TransferRow(*row) for row in await self._reads.fetch("outstanding", parameters)]

    async def transfer_rows(self, keys: Sequence[TransferKey]) -> list[TransferRow]:
        if not keys:
            return []
        return [TransferRow(*row) for row in await self._reads.fetch("transfer_rows", commit.encode(_KEYS, keys))]

    async def backlog(
        self, namespace: str, task_queue: str, kind: int, priority: int, cursors: Mapping[int, int], *, limit: int
    ) -> list[TransferRow]:
        parameters = {
            "shard_ids": int8s(list(cursors)),
            "task_ids": int8s(list(cursors.values())),
            "namespace": namespace,
            "task_queue": task_queue,
            "kind": kind,
            "priority": priority,
            "limit": limit,
        }
        return [TransferRow(*row) for row in await self._reads.fetch("backlog", parameters)]

    async def backlog_queues(self) -> list[tuple[str, str, int, int]]:
        return [(row[0], row[1], row[2], row[3]) for row in await self._reads.fetch("backlog_queues")]

    # Visibility ----------------------------------------------------------------------------------------------------
    async def upsert_visibility(self, rows: Sequence[VisibilityRow]) -> None:
        await visibility.upsert(self._list_writes, rows)

    async def list_visibility(self, query: ListQuery, *, limit: int, after: Place | None = None) -> list[VisibilityRow]:
        return await visibility.page(self._lists, query, self._dialect, limit=limit, after=after)

    async def count_visibility(self, query: ListQuery, *, limit: int = 1000) -> list[GroupCount]:
        return await visibility.count(self._lists, query, self._dialect, limit=limit)

    # Dead letters --------------------------------------------------------------------------------------------------
    async def dead_letters(self, *, limit: int, before: tuple[int, str] | None = None) -> list[DeadLetterRow]:
        before_us, before_id = before or (_LAST_US, _NIL)
        parameters = {"limit": limit, "before_us": before_us, "before_id": before_id}
        return [DeadLetterRow(*row) for row in await self._reads.fetch("dead_letters", parameters)]

    async def dead_letter(self, letter_id: str) -> DeadLetterRow | None:
        rows = await self._reads.fetch("dead_letter", {"letter_id": letter_id})
        return DeadLetterRow(*rows[0]) if rows else None

    async def delete_dead_letter(self, letter_id: str) -> bool:
        return await self._reads.execute("delete_dead_letter", {"letter_id": letter_id}) > 0

    # Upkeep --------------------------------------------------------------------------------------------------------
    async def delete_request_results(self, created_before_us: int, limit: int) -> int:
        return await self._reads.execute(
            "delete_request_results", {"created_before_us": created_before_us, "limit": limit}
        )

    # Retention -----------------------------------------------------------------------------------------------------
    async def retentions(self) -> dict[str, int]:
        return await retention.retentions(self._upkeep)

    async def set_retention(self, namespace: str, retention_ms: int) -> None:
        await retention.set_retention(self._upkeep, namespace, retention_ms)

    async def closed_namespaces(self, shard_id: int) -> list[str]:
        return await retention.closed_namespaces(self._upkeep, shard_id)

    async def expired_runs(
        self, shard_id: int, namespace: str, *, closed_from_us: int, closed_before_us: int, limit: int
    ) -> list[ExpiredRun]:
        return await retention.expired_runs(self._upkeep, shard_id, namespace, closed_from_us, closed_before_us, limit)

    async def delete_history(self, shard_id: int, range_id: int, run_id: str, limit: int) -> int:
        return await retention.delete_history(self._upkeep, shard_id, range_id, run_id, limit)

    async def delete_runs(self, shard_id: int, range_id: int, run_ids: Sequence[str]) -> int:
        return await retention.delete_runs(self._upkeep, shard_id, range_id, run_ids)

    async def delete_visibility(self, namespace: str, run_ids: Sequence[str]) -> None:
        await retention.delete_visibility(self._list_writes, namespace, run_ids)
