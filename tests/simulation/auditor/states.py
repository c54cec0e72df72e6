"""States: what the fold of a history gives, and what engines hold in memory, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from perdure.protocol.events import decode_records
from perdure_engine.core.fold import begin, fold
from perdure_engine.core.snapshot import decode_snapshot
from perdure_engine.core.state import MutableState
from perdure_engine.history.service import HistoryService
from perdure_store.memory import MemoryDatabase
from perdure_store.port import ExecutionRow, HistoryRow, SnapshotRow
from tests.audited_run import picture
from tests.simulation.rules import Finding, Rule


def folded(row: ExecutionRow, rows: Sequence[HistoryRow]) -> MutableState:
    """The state after these rows, which begin with the first."""
    first = decode_records(rows[0].data)
    state = begin(row.namespace, row.workflow_id, row.run_id, row.shard_id, first[0])
    fold(state, first[1:])
    state.batch_no = rows[0].batch_no
    for later in rows[1:]:
        fold(state, decode_records(later.data))
        state.batch_no = later.batch_no
    state.history_size_bytes += sum(len(item.data) for item in rows)
    return state


def picture_of(state: MutableState) -> Any:
    """A state as plain data, without heartbeats, which stand on the rows of tasks, and without the sticky worker: that
    is a hint, which an owner forgets when the worker is slow, and which is right to follow or not."""
    shown = picture(state)
    shown.pop("sticky_worker")
    for activity in shown["activities"].values():
        activity.pop("heartbeat_details", None)
    return shown


def _differences(found: MutableState, expected: MutableState) -> dict[str, tuple[Any, Any]]:
    """The fields that are not the same."""
    one, other = picture_of(found), picture_of(expected)
    return {word: (one[word], other[word]) for word in one if one[word] != other[word]}


def check_snapshot(database: MemoryDatabase, snapshot: SnapshotRow) -> Iterator[Finding]:
    """A snapshot is the fold of the history up to it."""
    row = database.executions.get((snapshot.shard_id, snapshot.run_id))
    rows = database.history.get((snapshot.shard_id, snapshot.run_id), {})
    if row is None:
        yield Finding(Rule.SNAPSHOT, f"a snapshot of {snapshot.run_id}, which does not exist")
        return
    try:
        expected = folded(row, [rows[number] for number in sorted(rows) if number <= snapshot.batch_no])
        found = decode_snapshot(snapshot.data)
    except Exception as error:  # whatever is wrong with a history is a finding, not the end of the audit
        yield Finding(Rule.SNAPSHOT, f"{row.workflow_id}: {type(error).__name__}: {error}")
        return
    found.batch_no = snapshot.batch_no
    differs = _differences(found, expected)
    if differs:
        yield Finding(Rule.SNAPSHOT, f"{row.workflow_id}: what the snapshot has, and the history gives: {differs}")


def check_states(history: HistoryService, database: MemoryDatabase) -> Iterator[Finding]:
    """Each run in an engine's memory that no undurable batch touches is the fold of as much of its history as the
    engine knows, even if the engine has lost its shard meanwhile."""
    for run in list(history.cache._runs.values()):  # what is in memory is nobody else's business
        state = run.state
        row = database.executions.get((state.shard_id, state.run_id))
        if run.pins or row is None:
            continue
        history_rows = database.history[state.shard_id, state.run_id]
        rows = [history_rows[number] for number in sorted(history_rows) if number <= state.batch_no]
        if not rows or rows[-1].batch_no != state.batch_no:
            text = f"{state.workflow_id}: memory is at row {state.batch_no} of {sorted(history_rows)}"
            yield Finding(Rule.STATE, text)
            continue
        expected = folded(row, rows)
        differs = _differences(state, expected)
        if differs:
            yield Finding(Rule.STATE, f"{state.workflow_id}: what memory has, and the history gives: {differs}")
