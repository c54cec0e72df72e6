"""Which statements a batch becomes. What they do is the matter of tests/conformance/store."""

from __future__ import annotations

from perdure_store.columns import Column, int8s
from perdure_store.commit import ROWS_MAX, SNAPSHOT_CHUNK_BYTES, encode, statements_of
from perdure_store.port import CommitBatch, ShardAdvance, SnapshotRow, TransferKey
from tests.store_rows import close, execution, run_id, task

ADVANCE = ShardAdvance(0, 1, 0, "epoch", "0-0", 1, 1)


def names(batch: CommitBatch) -> list[str]:
    return [name for name, _ in statements_of(batch)]


def test_tables_without_rows_are_skipped() -> None:
    assert names(CommitBatch(shards=[ADVANCE])) == ["advance_shards"]


def test_the_fence_first_then_closes_and_deletes_then_inserts() -> None:
    batch = CommitBatch(
        shards=[ADVANCE],
        closes=[close("a")],
        executions=[execution("b")],
        transfer_deletes=[TransferKey(0, run_id("a"), 1, 2)],
        transfer_inserts=[task("b")],
    )
    assert names(batch) == [
        "advance_shards",
        "close_executions",
        "delete_transfer_tasks",
        "insert_executions",
        "insert_transfer_tasks",
    ]


def test_many_rows_become_several_statements() -> None:
    deletes = [TransferKey(0, run_id("a"), 1, event_id) for event_id in range(2 * ROWS_MAX + 1)]
    statements = statements_of(CommitBatch(shards=[ADVANCE], transfer_deletes=deletes))[1:]
    assert [name for name, _ in statements] == ["delete_transfer_tasks"] * 3
    assert statements[2][1][3].data == int8s([2 * ROWS_MAX]).data


def test_a_statement_has_a_parameter_for_each_column() -> None:
    columns = encode((int8s, int8s), [(1, 2), (3, 4), (5, 6)])
    assert [column.data for column in columns] == [int8s([1, 3, 5]).data, int8s([2, 4, 6]).data]


def test_snapshots_are_cut_into_chunks_and_replace_all_earlier_ones() -> None:
    data = b"x" * (2 * SNAPSHOT_CHUNK_BYTES + 1)
    batch = CommitBatch(shards=[ADVANCE], snapshots=[SnapshotRow(0, run_id("a"), 4, data)])
    statements = dict(statements_of(batch))
    assert list(statements) == ["advance_shards", "delete_snapshots", "insert_snapshots"]
    chunk_numbers = statements["insert_snapshots"][2]
    assert isinstance(chunk_numbers, Column)
    assert chunk_numbers.data == int8s([0, 1, 2]).data


def test_an_empty_snapshot_is_only_deleted() -> None:
    batch = CommitBatch(shards=[ADVANCE], snapshots=[SnapshotRow(0, run_id("a"), 0, b"")])
    assert names(batch) == ["advance_shards", "delete_snapshots"]
