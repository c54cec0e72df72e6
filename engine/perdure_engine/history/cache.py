"""The execution cache: open runs in memory, bounded in bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from perdure_engine.core.state import MutableState, TimerPhase
from perdure_engine.history.activity_cache import ActivityCache
from perdure_engine.history.timers import HORIZON_US

RUN_OVERHEAD_BYTES = 4_096
"""What one idle run costs beside its data (measured: 3 to 4 KB)."""

SNAPSHOT_EVERY_BYTES = 256 * 1024
"""History since the last snapshot of a run below which no other is written."""

PENDING_BYTES = 200
"""About what one pending activity, timer or child takes in a snapshot."""

CACHE_BYTES_MAX = 256 * 1024 * 1024


class CachedRun:
    """A run in memory. `pins`: how many batches that are not yet durable touch it. `snapshot_mark`: the size of its
    history at the last snapshot. `witnessed`: ids of requests that took effect on it, or on the run before it, the
    newest last."""

    __slots__ = ("pins", "size_bytes", "snapshot_mark", "state", "witnessed")

    def __init__(self, state: MutableState, snapshot_mark: int = 0, witnessed: Iterable[str] = ()) -> None:
        self.state = state
        self.pins = 0
        self.snapshot_mark = snapshot_mark
        self.witnessed: dict[str, int] = dict.fromkeys(witnessed, 1)
        self.size_bytes = RUN_OVERHEAD_BYTES + state.history_size_bytes

    def wants_snapshot(self) -> bool:
        """True if the history since the last snapshot has outgrown what the next one would take."""
        state = self.state
        grown = state.history_size_bytes - self.snapshot_mark
        if grown <= SNAPSHOT_EVERY_BYTES or not state.is_open:
            return False
        pending = (len(state.activities) + len(state.timers) + len(state.children)) * PENDING_BYTES
        return grown > 2 * pending


class ExecutionCache:
    """Runs by run id, and the latest one of each workflow id. `activities`: those without a workflow.

    Rules: a pinned run is never evicted. Nothing is evicted but by `sweep`, which the owner calls before a batch looks
    up what it needs: a run that was found in memory stays there until the batch is decided. A closed run stays until
    the batch that closed it is durable, because until then the store says that it is open.
    """

    def __init__(self, bytes_max: int = CACHE_BYTES_MAX) -> None:
        self._runs: OrderedDict[str, CachedRun] = OrderedDict()
        self._latest: dict[tuple[str, str], str] = {}
        self._idle: dict[str, CachedRun] = {}
        self._bytes_max = bytes_max
        self._bytes = 0
        self.activities = ActivityCache()

    def __len__(self) -> int:
        return len(self._runs)

    def get(self, run_id: str) -> CachedRun | None:
        return self._runs.get(run_id)

    def get_of(self, shard_id: int, run_id: str) -> CachedRun | None:
        """The run, if it is one of this shard: whoever names it through another one must not reach it."""
        run = self._runs.get(run_id)
        return run if run is not None and run.state.shard_id == shard_id else None

    def latest(self, namespace: str, workflow_id: str) -> CachedRun | None:
        """The run of a workflow id that memory knows: the open one, or one that is closed but perhaps not durably."""
        run_id = self._latest.get((namespace, workflow_id))
        return self._runs.get(run_id) if run_id is not None else None

    def open_run(self, namespace: str, workflow_id: str) -> CachedRun | None:
        run = self.latest(namespace, workflow_id)
        return run if run is not None and run.state.is_open else None

    def put(self, run: CachedRun) -> None:
        state = run.state
        before = self._runs.get(state.run_id)
        if before is not None:
            self._bytes -= before.size_bytes
        self._runs[state.run_id] = run
        self._bytes += run.size_bytes
        self._latest[state.namespace, state.workflow_id] = state.run_id

    def release(self, run: CachedRun, now_us: int) -> None:
        """A batch that touched the run is durable. The run may have been dropped, or loaded anew, meanwhile."""
        run.pins -= 1
        state = run.state
        if run.pins or self._runs.get(state.run_id) is not run:
            return
        if not state.is_open or _sleeps(state, now_us):
            self._idle[state.run_id] = run
            return
        self._idle.pop(state.run_id, None)
        size = RUN_OVERHEAD_BYTES + state.history_size_bytes
        self._bytes += size - run.size_bytes
        run.size_bytes = size
        self._runs.move_to_end(state.run_id)

    def sweep(self) -> None:
        """Forget the runs that are closed or sleep for long, then those touched longest ago until the bound holds. Runs
        stay while an update waits for a worker to take it in: the update and its task are nowhere else."""
        self.activities.sweep()
        if self._idle:
            idle, self._idle = self._idle, {}
            for run in idle.values():
                if run.pins == 0:
                    self._remove(run)
        if self._bytes <= self._bytes_max:
            return
        for run in list(self._runs.values()):
            if self._bytes <= self._bytes_max:
                return
            if run.pins == 0 and not run.state.admitted:
                self._remove(run)

    def _remove(self, run: CachedRun) -> None:
        state = run.state
        if self._runs.get(state.run_id) is not run:
            return
        del self._runs[state.run_id]
        self._bytes -= run.size_bytes
        key = (state.namespace, state.workflow_id)
        if self._latest.get(key) == state.run_id:
            del self._latest[key]

    def drop_shards(self, shard_ids: frozenset[int]) -> None:
        """Forget every run of these shards, pinned or not: what is in memory is not what is stored."""
        self.activities.drop_shards(shard_ids)
        for run in list(self._runs.values()):
            if run.state.shard_id in shard_ids:
                self._remove(run)


def _sleeps(state: MutableState, now_us: int) -> bool:
    """True for a run with nothing to do but wait for timers beyond the horizon."""
    return (
        bool(state.timers)
        and state.workflow_task is None
        and not state.activities
        and all(
            timer.phase == TimerPhase.STARTED and timer.fire_at_us > now_us + HORIZON_US
            for timer in state.timers.values()
        )
    )
