"""Loading: what a batch needs and memory does not hold, in one query."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from perdure.protocol.events import HistoryEvent, decode_records
from perdure.protocol.tasks import TaskKind
from perdure_engine.core.fold import begin, fold
from perdure_engine.core.snapshot import decode_snapshot
from perdure_engine.core.state import Bug, MutableState
from perdure_engine.history.cache import CachedRun, ExecutionCache
from perdure_engine.history.loaded_activities import NOTHING_LOADED, LoadedActivities
from perdure_store.port import ExecutionKey, ExecutionRow, LoadedExecution, Store

OPEN = 1


class Loaded:
    """What the store said about one batch's keys: closed runs are rows only; open ones are put into the cache.

    `broken`: open runs whose history does not fold, with the reason; they harm nobody else. `histories`: for each run
    that is to be reset, the records of it and of the runs that followed, by their ids. `activities`: those without a
    workflow.
    """

    activities: LoadedActivities = NOTHING_LOADED

    def __init__(self) -> None:
        self._rows: dict[str, ExecutionRow] = {}
        self._witnessed: dict[str, tuple[str, ...]] = {}
        self._latest: dict[tuple[str, str], ExecutionRow] = {}
        self.broken: dict[str, str] = {}
        self.histories: dict[str, dict[str, list[HistoryEvent]]] = {}

    def note(self, row: ExecutionRow, witnessed: tuple[str, ...] = ()) -> None:
        self._rows[row.run_id] = row
        self._witnessed[row.run_id] = witnessed
        key = (row.namespace, row.workflow_id)
        latest = self._latest.get(key)
        if latest is None or (row.status == OPEN, row.start_time_us) > (latest.status == OPEN, latest.start_time_us):
            self._latest[key] = row

    def add(self, more: Loaded) -> None:
        """Take in what the store said about further keys."""
        for row in more._rows.values():
            self.note(row, more.witnessed(row.run_id))
        self.broken.update(more.broken)

    def run(self, run_id: str) -> ExecutionRow | None:
        return self._rows.get(run_id)

    def witnessed(self, run_id: str) -> tuple[str, ...]:
        """Ids of the requests that took effect on a run, the newest last."""
        return self._witnessed.get(run_id, ())

    def latest(self, namespace: str, workflow_id: str) -> ExecutionRow | None:
        """The open run of a workflow id, or the last closed one."""
        return self._latest.get((namespace, workflow_id))

    def broken_reason(self, request: Any) -> str | None:
        """Why the run that a request names cannot be worked with, or None."""
        if self.activities.broken and (activity := self.activities.broken_reason(request)) is not None:
            return activity
        run_id = getattr(request, "run_id", "")
        if not run_id and hasattr(request, "workflow_id"):
            row = self.latest(request.namespace, request.workflow_id)
            run_id = row.run_id if row is not None else ""
        return self.broken.get(run_id)


def rebuild(loaded: LoadedExecution) -> CachedRun:
    """Fold an open run from its snapshot and history."""
    row = loaded.row
    state: MutableState
    if loaded.snapshot:
        state = decode_snapshot(loaded.snapshot)
        state.batch_no = loaded.snapshot_batch_no
        rows = [item for item in loaded.history if item.batch_no > loaded.snapshot_batch_no]
        mark = state.history_size_bytes
    else:
        rows = list(loaded.history)
        if not rows:
            raise Bug(f"run {row.run_id} is open and has no history")
        first = decode_records(rows[0].data)
        state = begin(row.namespace, row.workflow_id, row.run_id, row.shard_id, first[0])
        fold(state, first[1:])
        state.batch_no = rows[0].batch_no
        state.history_size_bytes += len(rows[0].data)
        rows = rows[1:]
        mark = 0
    for item in rows:
        if item.batch_no != state.batch_no + 1:
            raise Bug(f"run {row.run_id}: history row {item.batch_no} after {state.batch_no}")
        fold(state, decode_records(item.data))
        state.batch_no = item.batch_no
        state.history_size_bytes += len(item.data)
    for heartbeat in loaded.heartbeats:
        activity = state.activities.get(heartbeat.event_id)
        if activity is not None and heartbeat.kind == TaskKind.ACTIVITY:
            activity.heartbeat_details = heartbeat.heartbeat
    return CachedRun(state, mark, loaded.request_ids)


async def load(store: Store, cache: ExecutionCache, keys: Iterable[ExecutionKey]) -> Loaded:
    """Ask for `keys`, put open runs into the cache, and say what rows there are."""
    wanted = list(dict.fromkeys(keys))
    loaded = Loaded()
    if not wanted:
        return loaded
    for found in await store.load(wanted):
        for execution in found:
            row = execution.row
            if cache.get(row.run_id) is not None:
                continue
            loaded.note(row, execution.request_ids)
            if row.status == OPEN:
                try:
                    cache.put(rebuild(execution))
                except Exception as error:  # one run that cannot be rebuilt, for whatever reason, must not end the rest
                    loaded.broken[row.run_id] = f"the history of run {row.run_id} does not fold: {error}"
    return loaded
