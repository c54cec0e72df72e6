"""Messages from other runs, taken in: a child to be started, the word how one closed, and answers to what was sent.

Rules: a message may come twice, or late. What it asks for happens once; its answer is sent each time, in the release of
the batch. An answer for a run that has closed meanwhile ends its row all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from perdure.protocol.child_workflow import ParentLink
from perdure.protocol.ids import run_id_for_child
from perdure.protocol.messages import (
    AcknowledgeMessage,
    RecordChildClosed,
    RecordChildStarted,
    StartChildWorkflow,
)
from perdure.protocol.requests import StartWorkflow
from perdure_engine.core.child import start_request
from perdure_engine.core.decide import decide, settle_reuse
from perdure_engine.core.transition import Transition
from perdure_engine.history.arrival import Arrival
from perdure_engine.history.batch import Batch, Draft
from perdure_engine.history.cache import CachedRun, ExecutionCache
from perdure_engine.history.loading import Loaded
from perdure_engine.history.shard import Shard

WORKFLOW_ALREADY_EXISTS = "WORKFLOW_ALREADY_EXISTS"
INVALID_ARGUMENT = "INVALID_ARGUMENT"


class Runs(Protocol):
    """What messages ask of the decider."""

    def create(
        self,
        batch: Batch,
        shard: Shard,
        request: StartWorkflow,
        run_id: str,
        loaded: Loaded,
        parent: ParentLink | None = None,
    ) -> Transition: ...

    def settle(self, batch: Batch, draft: Draft, run: CachedRun) -> None: ...


class Messages:
    def __init__(self, cache: ExecutionCache, runs: Runs) -> None:
        self._cache = cache
        self._runs = runs
        self._handlers: dict[type[Any], Callable[[Batch, Arrival, Any, Loaded], None]] = {
            StartChildWorkflow: self._start_child,
            RecordChildStarted: self._record_started,
            RecordChildClosed: self._record_closed,
            AcknowledgeMessage: self._acknowledged,
        }

    def take(self, batch: Batch, arrival: Arrival, loaded: Loaded) -> bool:
        """Carry out a message. False, and nothing was done, if the request is none."""
        request = arrival.sent.request
        handler = self._handlers.get(type(request))
        if handler is None:
            return False
        handler(batch, arrival, request, loaded)
        return True

    # To the child ----------------------------------------------------------------------------------------------------

    def _start_child(self, batch: Batch, arrival: Arrival, request: StartChildWorkflow, loaded: Loaded) -> None:
        origin = request.origin
        run_id = run_id_for_child(origin.run_id, origin.event_id)
        cause = ""
        if self._cache.get(run_id) is None and loaded.run(run_id) is None:
            cause = self._start_new(batch, arrival, request, run_id, loaded)
        answer = RecordChildStarted(
            origin.run_id,
            origin.event_id,
            run_id,
            cause,
            request.namespace,
            request.workflow_id,
            request.initiated.parent_close_policy,
        )
        batch.answer(arrival.shard, origin.shard_id, answer)

    def _start_new(
        self, batch: Batch, arrival: Arrival, request: StartChildWorkflow, run_id: str, loaded: Loaded
    ) -> str:
        """Start the child, unless its id is taken. Returns the cause why not."""
        start = start_request(request)
        existing = self._cache.latest(request.namespace, request.workflow_id)
        if existing is not None and existing.state.is_open:
            return WORKFLOW_ALREADY_EXISTS
        last = existing.state if existing is not None else loaded.latest(request.namespace, request.workflow_id)
        if last is not None and not settle_reuse(start, last.run_id, last.status, Transition()):
            return WORKFLOW_ALREADY_EXISTS
        transition = self._runs.create(batch, arrival.shard, start, run_id, loaded, request.parent)
        return "" if transition.records else INVALID_ARGUMENT

    # To the parent ---------------------------------------------------------------------------------------------------

    def _record_started(self, batch: Batch, arrival: Arrival, request: RecordChildStarted, loaded: Loaded) -> None:
        if not self._decide(batch, arrival, request):
            batch.settle(arrival.shard, request.run_id, request.initiated_event_id)

    def _record_closed(self, batch: Batch, arrival: Arrival, request: RecordChildClosed, loaded: Loaded) -> None:
        self._decide(batch, arrival, request)
        origin = request.origin
        batch.answer(arrival.shard, origin.shard_id, AcknowledgeMessage(origin.run_id, origin.event_id))

    def _acknowledged(self, batch: Batch, arrival: Arrival, request: AcknowledgeMessage, loaded: Loaded) -> None:
        batch.settle(arrival.shard, request.run_id, request.event_id)

    def _decide(self, batch: Batch, arrival: Arrival, request: Any) -> bool:
        """Let the machines of an open run decide. False if it is closed, or was never there."""
        run = self._cache.get_of(arrival.shard.shard_id, request.run_id)
        if run is None or not run.state.is_open:
            return False
        transition = decide(run.state, request, batch.now_us)
        self._runs.settle(batch, batch.add(arrival.shard, run, transition), run)
        return True
