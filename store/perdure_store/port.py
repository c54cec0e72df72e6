"""The port of the store: what an engine may ask of the database.

Role: mechanism only. A store keeps rows and bytes; it knows no event. Two implementations keep this port: `postgres`
(Postgres and CockroachDB, psycopg 3) and `memory` (the same semantics in process); one conformance suite holds both.

What it keeps are the rows of `rows`; users of the port find them here, too. Times are integer microseconds since 1970
UTC (`_us`).

Contract of `commit` (DESIGN.md, section 3, step 4): one transaction, whose first statement is the fence and raises when
one shard of the batch is not owned at `range_id` with `commit_seq`; then at most one statement a table, closes and
deletes before inserts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from perdure_store.activities import Activities
from perdure_store.activity_lists import ActivityLists
from perdure_store.catalog import Catalog
from perdure_store.flow import Flow
from perdure_store.rows import (
    ActivityExecutionRow as ActivityExecutionRow,
    ActivityKey as ActivityKey,
    BacklogRow as BacklogRow,
    CommitBatch as CommitBatch,
    DeadLetterRow as DeadLetterRow,
    ExecutionClose as ExecutionClose,
    ExecutionKey as ExecutionKey,
    ExecutionRow as ExecutionRow,
    ExpiredRun as ExpiredRun,
    HeartbeatRow as HeartbeatRow,
    HistoryRow as HistoryRow,
    LoadedActivity as LoadedActivity,
    LoadedExecution as LoadedExecution,
    PayloadCopy as PayloadCopy,
    PayloadRow as PayloadRow,
    RequestResultRow as RequestResultRow,
    ShardAdvance as ShardAdvance,
    ShardRow as ShardRow,
    SnapshotRow as SnapshotRow,
    TimerKey as TimerKey,
    TimerRow as TimerRow,
    TransferKey as TransferKey,
    TransferRow as TransferRow,
    VisibilityRow as VisibilityRow,
    WorkerRow as WorkerRow,
)
from perdure_store.schedules import ScheduleRow as ScheduleRow, ScheduleTable

if TYPE_CHECKING:
    from perdure_store.list_query import GroupCount, ListQuery, Place


class StoreError(Exception):
    """Base of what a store raises; its text never holds a password."""


class StoreUnavailable(StoreError):
    """No connection, or it was lost. Of a commit nothing was written, since COMMIT had not been sent; any other call
    may have taken effect, and may be repeated. Try again with jitter."""


class UnknownOutcome(StoreError):
    """The connection was lost while COMMIT was under way: written or not. Read the fence before anything else."""


class SerializationConflict(StoreError):
    """SQLSTATE 40001 or 40P01: nothing was written; send the same batch again."""


class FenceLost(StoreError):
    """At least one shard of the batch is not owned at this range and sequence: nothing was written."""


class BatchRejected(StoreError):
    """Any other SQL error: nothing was written, and sending the same batch again would fail again."""


class StoreDefect(StoreError):
    """The server or its driver does not understand a statement: a defect of this version, or a schema that was changed
    by hand. Nothing was written, and trying again will not help: end, so that somebody looks."""


class SchemaMissing(StoreError):
    """The database has no schema of ours, or an older one. Says which command to run."""


class SchemaTooNew(StoreError):
    """A later version has taken from the schema what this one needs: this engine must end. Says what to upgrade."""


class OlderEnginesRun(StoreError):
    """A migration cannot be finished while engines run that need what it takes away. Names them."""


class Store(Catalog, Flow, Activities, ActivityLists, ScheduleTable, Protocol):
    async def connect(self) -> None:
        """Open the connections and check the schema.

        Raises:
            StoreUnavailable: no server at this address. SchemaMissing: migrate first. SchemaTooNew: upgrade first.
        """

    async def close(self) -> None: ...

    async def migrate(self, shard_count: int, *, finish: bool = False) -> list[str]:
        """Bring the schema up to date; safe to run twice and at once. `shard_count` counts at the first migration only.
        Returns the names of the steps that it took.

        Without `finish` nothing is taken away: engines of the version before work on beside those of this one. With it
        the steps that wait for their end are taken too.

        Raises:
            OlderEnginesRun: `finish`, while engines of an earlier version run.
        """

    async def unfinished_steps(self) -> list[str]:
        """What `migrate` with `finish` would take away."""

    async def cluster(self) -> tuple[str, int]:
        """Cluster id (a UUID made at the first migration) and shard count."""

    # Ownership -----------------------------------------------------------------------------------------------------
    async def beat(self, node: str, address: str) -> dict[str, int]:
        """Raise this node's counter, and return every node's counter. Rows untouched for long are removed.

        Raises:
            SchemaTooNew: this engine is too old for the cluster, and counts as retired.
        """

    async def retire(self, node: str) -> None:
        """Remove a node that stops."""

    async def acquire_shard(self, shard_id: int, owner: str) -> ShardRow:
        """Take a shard: raises `range_id` by one, so that every batch of an earlier owner fails from now on."""

    async def release_shard(self, shard_id: int, range_id: int) -> None:
        """Let a shard go that is owned at `range_id`: its row names no owner any more. Nothing happens if it has a
        later owner."""

    async def shard(self, shard_id: int) -> ShardRow: ...

    async def shards(self) -> list[ShardRow]: ...

    # The hot path --------------------------------------------------------------------------------------------------
    async def commit(self, batch: CommitBatch) -> None:
        """One transaction (see the module). Two calls may overlap: the later one's fence then waits for the earlier
        one, and fails if that fails.

        Raises:
            FenceLost, SerializationConflict, UnknownOutcome, StoreUnavailable, BatchRejected, StoreDefect
        """

    async def load(self, keys: Sequence[ExecutionKey]) -> list[list[LoadedExecution]]:
        """For each key what exists, in one round trip: the run it names, and the candidate run if it is another."""

    # Beside it -----------------------------------------------------------------------------------------------------
    async def read_history(
        self, shard_id: int, run_id: str, *, after_batch_no: int = 0, limit: int = 1000
    ) -> list[HistoryRow]: ...

    async def last_history_row(self, shard_id: int, run_id: str) -> HistoryRow | None: ...

    async def request_exists(self, shard_id: int, run_id: str, request_id: str) -> bool: ...

    async def read_payloads(
        self, shard_id: int, namespace: str, run_id: str, hashes: Sequence[bytes]
    ) -> dict[bytes, bytes]:
        """Pieces of the data of a run of this namespace, by hash; what the run does not have is left out."""

    async def timers(self, shard_id: int, *, after: TimerKey | None, until_us: int, limit: int) -> list[TimerRow]:
        """Timers due up to `until_us`, in key order after `after`."""

    async def next_timer(self, shard_id: int, after_us: int) -> int | None:
        """When the first timer after `after_us` is due, if there is one."""

    async def outstanding(
        self, shard_id: int, *, after: TransferKey | None, limit: int, with_data: bool = True
    ) -> list[TransferRow]:
        """Transfer rows of a shard in key order, page by page (kind, run and event included)."""

    async def transfer_rows(self, keys: Sequence[TransferKey]) -> list[TransferRow]: ...

    async def backlog(
        self, namespace: str, task_queue: str, kind: int, priority: int, cursors: Mapping[int, int], *, limit: int
    ) -> list[TransferRow]:
        """Backlog rows of one queue and priority with `task_id` above each shard's cursor (0 if it has none); at most
        `limit` in all, shards in turn, each shard's in order of task id."""

    async def backlog_queues(self) -> list[tuple[str, str, int, int]]:
        """`(namespace, task_queue, kind, number of backlog rows)` of every queue that has some."""

    # Visibility ----------------------------------------------------------------------------------------------------
    async def upsert_visibility(self, rows: Sequence[VisibilityRow]) -> None: ...

    async def list_visibility(self, query: ListQuery, *, limit: int, after: Place | None = None) -> list[VisibilityRow]:
        """In the order that the query asks for; `after` is the place of the last row of the page before
        (`memory_lists.place_of`)."""

    async def count_visibility(self, query: ListQuery, *, limit: int = 1000) -> list[GroupCount]:
        """How many rows match: one number, or one for each group, the largest first, at most `limit` of them."""

    # Dead letters --------------------------------------------------------------------------------------------------
    async def dead_letters(self, *, limit: int, before: tuple[int, str] | None = None) -> list[DeadLetterRow]:
        """Newest first, then by id descending; `before` is `(created_us, letter_id)` of the last row of the page
        before."""

    async def dead_letter(self, letter_id: str) -> DeadLetterRow | None: ...

    async def delete_dead_letter(self, letter_id: str) -> bool: ...

    # Upkeep --------------------------------------------------------------------------------------------------------
    async def delete_request_results(self, created_before_us: int, limit: int) -> int: ...

    # Retention -----------------------------------------------------------------------------------------------------
    async def retentions(self) -> dict[str, int]:
        """Milliseconds that closed runs are kept, for each namespace that says so."""

    async def set_retention(self, namespace: str, retention_ms: int) -> None: ...

    async def closed_namespaces(self, shard_id: int) -> list[str]:
        """The namespaces that have closed runs on a shard."""

    async def expired_runs(
        self, shard_id: int, namespace: str, *, closed_from_us: int, closed_before_us: int, limit: int
    ) -> list[ExpiredRun]:
        """Runs closed from `closed_from_us` on and before `closed_before_us`, the longest closed first, but for those
        with an outstanding task (their record for lists is still to be written)."""

    async def delete_history(self, shard_id: int, range_id: int, run_id: str, limit: int) -> int:
        """Take the first `limit` history rows of a closed run away, if the shard is owned at `range_id`. Returns how
        many went."""

    async def delete_runs(self, shard_id: int, range_id: int, run_ids: Sequence[str]) -> int:
        """Forget closed runs, with all that belongs to them, if the shard is owned at `range_id`; open ones, and those
        with an outstanding task, stay. Returns how many went. Take them off the lists before."""

    async def delete_visibility(self, namespace: str, run_ids: Sequence[str]) -> None: ...
