"""Looking up: what the store must be asked for before a request, or a timer that is due, can be decided."""

from __future__ import annotations

from typing import Any

from perdure.protocol.ids import FIRST_EXECUTION, run_id_for_child, run_id_for_start
from perdure.protocol.messages import AcknowledgeMessage, RecordChildClosed, StartChildWorkflow
from perdure.protocol.requests import ResetWorkflow, StartWorkflow, StartWorkflowWith
from perdure_engine.history.arrival import Arrival
from perdure_engine.history.cache import ExecutionCache
from perdure_engine.history.standalone import StandaloneActivities
from perdure_engine.history.start_with import start_of
from perdure_store.port import ActivityKey, ExecutionKey, TimerRow

_SOUGHT_OTHERWISE = frozenset(
    {StartWorkflow, StartWorkflowWith, StartChildWorkflow, ResetWorkflow, AcknowledgeMessage, RecordChildClosed}
)
"""Requests that do not simply name a run or a workflow."""


Key = ExecutionKey | ActivityKey


class Lookup:
    def __init__(self, cache: ExecutionCache, standalone: StandaloneActivities) -> None:
        self._cache = cache
        self._standalone = standalone

    def knows(self, run_id: str) -> bool:
        """Whether the run is in memory."""
        return self._cache.get(run_id) is not None

    def key_for(self, arrival: Arrival) -> Key | None:
        """What the store must be asked for before this request can be decided, or None."""
        request = arrival.sent.request
        shard_id = arrival.shard.shard_id
        if type(request) in _SOUGHT_OTHERWISE:
            return self._key_for_others(shard_id, request)
        run_id = getattr(request, "run_id", "")
        if run_id and self._cache.get(run_id) is not None:
            return None
        if self._standalone.concerns(request):
            return self._standalone.key_for(arrival)
        if run_id:
            return ExecutionKey(shard_id, "", "", run_id)
        if self._cache.latest(request.namespace, request.workflow_id) is not None:
            return None
        return ExecutionKey(shard_id, request.namespace, request.workflow_id)

    def key_for_timer(self, row: TimerRow) -> Key | None:
        if self._cache.get(row.run_id) is not None:
            return None
        if row.event_id >= FIRST_EXECUTION:
            return self._standalone.key_for_timer(row)
        return ExecutionKey(row.shard_id, "", "", row.run_id)

    def _key_for_others(self, shard_id: int, request: Any) -> ExecutionKey | None:
        if isinstance(request, ResetWorkflow | AcknowledgeMessage):
            return None  # of a reset, `HistoryReader` asks
        if isinstance(request, StartChildWorkflow):
            candidate = run_id_for_child(request.origin.run_id, request.origin.event_id)
            return self._key_for_start(shard_id, request.namespace, request.workflow_id, candidate)
        if isinstance(request, RecordChildClosed):
            if self._is_open(request.run_id):
                return None
            # Perhaps a reset put another run in the place of the parent.
            return ExecutionKey(shard_id, request.namespace, request.workflow_id, "", request.run_id)
        start = start_of(request)
        candidate = run_id_for_start(start.namespace, start.workflow_id, start.request_id)
        return self._key_for_start(shard_id, start.namespace, start.workflow_id, candidate)

    def _key_for_start(self, shard_id: int, namespace: str, workflow_id: str, candidate: str) -> ExecutionKey | None:
        if self._cache.get(candidate) is not None:
            return None
        if self._cache.latest(namespace, workflow_id) is not None:
            return ExecutionKey(shard_id, "", "", candidate)
        return ExecutionKey(shard_id, namespace, workflow_id, "", candidate)

    def _is_open(self, run_id: str) -> bool:
        run = self._cache.get(run_id)
        return run is not None and run.state.is_open
