"""Loading of runs that an engine does not hold in memory.

Role: what a batch of requests names, in one round trip when nothing exists yet (a start of a new workflow id costs one
statement), in two when something does: the rows first, then what belongs to them.

Rule: read by the shard's owner, whose own commits are the only writers of these rows; no transaction is needed to see
them whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from perdure_store.columns import int8s, repeated_texts, texts
from perdure_store.commit import encode
from perdure_store.connection import Link, Rows
from perdure_store.port import ExecutionKey, ExecutionRow, HeartbeatRow, HistoryRow, LoadedExecution

OPEN = 1
"""`ExecutionRow.status` of an open run."""

_KEY = (int8s, int8s, repeated_texts, texts, texts)
_RUN = (int8s, texts)

Run = tuple[int, str]


async def load(link: Link, keys: Sequence[ExecutionKey]) -> list[list[LoadedExecution]]:
    """For each key what exists (see `Store.load`)."""
    if not keys:
        return []
    found = await _find_rows(link, keys)
    wanted = [_choose(key, found.get(position, ())) for position, key in enumerate(keys)]
    rows = {(row.shard_id, row.run_id): row for chosen in wanted for row in chosen}
    if not rows:
        return [[] for _ in keys]
    loaded = await _complete(link, rows)
    return [[loaded[row.shard_id, row.run_id] for row in chosen] for chosen in wanted]


async def _find_rows(link: Link, keys: Sequence[ExecutionKey]) -> dict[int, list[ExecutionRow]]:
    """Rows that a key may mean, by the key's position. A key with both ids looks for two runs: two probes."""
    probes: list[tuple[int, int, str, str, str]] = []
    for position, key in enumerate(keys):
        workflow_id = "" if key.run_id else key.workflow_id
        probes.append((position, key.shard_id, key.namespace, workflow_id, key.run_id or key.candidate_run_id))
        if key.run_id and key.candidate_run_id not in ("", key.run_id):
            probes.append((position, key.shard_id, key.namespace, "", key.candidate_run_id))
    found: dict[int, list[ExecutionRow]] = defaultdict(list)
    for position, *fields in await link.fetch("find_executions", encode(_KEY, probes)):
        found[position].append(ExecutionRow(*fields))
    return found


def _choose(key: ExecutionKey, rows: Iterable[ExecutionRow]) -> list[ExecutionRow]:
    """The run that the key names, then the candidate if it is another.

    Chosen here, since the last closed run counts only when no run is open."""
    by_run = {row.run_id: row for row in rows}
    if key.run_id:
        named = by_run.get(key.run_id)
    else:
        same = [row for row in by_run.values() if (row.namespace, row.workflow_id) == (key.namespace, key.workflow_id)]
        named = max(same, key=lambda row: (row.status == OPEN, row.close_time_us, row.run_id), default=None)
    candidate = by_run.get(key.candidate_run_id)
    chosen = [named] if named is not None else []
    if candidate is not None and candidate is not named:
        chosen.append(candidate)
    return chosen


async def _complete(link: Link, rows: dict[Run, ExecutionRow]) -> dict[Run, LoadedExecution]:
    """Snapshots, history and heartbeats of the open ones, request ids of all."""
    open_runs = [run for run, row in rows.items() if row.status == OPEN]
    statements: list[tuple[str, Any]] = [("find_request_ids", encode(_RUN, list(rows)))]
    if open_runs:
        columns = encode(_RUN, open_runs)
        statements += [(name, columns) for name in ("find_snapshots", "find_history", "find_heartbeats")]
    requests, *others = await link.fetch_each(statements)
    snapshots, history, heartbeats = others if others else ([], [], [])

    request_ids = _by_run(requests)
    chunks = _by_run(snapshots)
    batches = _by_run(history)
    beats = _by_run(heartbeats)
    loaded = {}
    for run, row in rows.items():
        pieces = chunks[run]
        loaded[run] = LoadedExecution(
            row=row,
            snapshot=b"".join(piece[3] for piece in pieces),
            snapshot_batch_no=pieces[0][2] if pieces else 0,
            history=tuple(HistoryRow(*fields) for fields in batches[run]),
            heartbeats=tuple(HeartbeatRow(*fields) for fields in beats[run]),
            request_ids=tuple(fields[2] for fields in request_ids[run]),
        )
    return loaded


def _by_run(rows: Rows) -> dict[Run, Rows]:
    grouped: dict[Run, Rows] = defaultdict(list)
    for row in rows:
        grouped[row[0], row[1]].append(row)
    return grouped
