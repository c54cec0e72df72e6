"""Starts: answered as before if they took effect already, settled against the last run of their workflow id if not."""

from __future__ import annotations

from perdure.protocol.ids import run_id_for_start
from perdure.protocol.replies import ReplyKind, Started
from perdure.protocol.requests import StartWorkflow
from perdure_engine.core.decide import settle_open_conflict, settle_reuse
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import Transition
from perdure_engine.history.arrival import Arrival
from perdure_engine.history.batch import Batch
from perdure_engine.history.cache import ExecutionCache
from perdure_engine.history.loading import Loaded
from perdure_engine.history.reading import Reading
from perdure_engine.history.runs import Runs
from perdure_engine.history.waiters import Waiters


class Starts:
    def __init__(self, cache: ExecutionCache, runs: Runs, waiters: Waiters, reading: Reading) -> None:
        self._cache = cache
        self._runs = runs
        self._waiters = waiters
        self._reading = reading

    def decide(self, batch: Batch, arrival: Arrival, request: StartWorkflow, loaded: Loaded) -> None:
        run_id = run_id_for_start(request.namespace, request.workflow_id, request.request_id)
        if self._repeats(batch, arrival, request, run_id, loaded):
            return
        existing = self._cache.latest(request.namespace, request.workflow_id)
        last = loaded.latest(request.namespace, request.workflow_id) if existing is None else None
        transition = Transition()
        if existing is not None and existing.state.is_open:
            if not settle_open_conflict(request, existing.state.run_id, transition):
                self._answer_start(batch, arrival, request, existing.state, transition)
                return
            self._runs.terminate_for(batch, arrival, existing, request.identity)
        elif existing is not None or last is not None:
            closed = existing.state if existing is not None else last
            if closed is not None and not settle_reuse(request, closed.run_id, closed.status, transition):
                batch.reply_to(arrival.sender, arrival.sent, transition)
                return
        transition = self._runs.create(batch, arrival.shard, request, run_id, loaded, block=arrival.sent.content)
        batch.reply_to(arrival.sender, arrival.sent, transition)
        if request.wait_result and transition.records:
            self._waiters.add(arrival.shard.shard_id, run_id, arrival.sender, arrival.sent.number)

    def _repeats(self, batch: Batch, arrival: Arrival, request: StartWorkflow, run_id: str, loaded: Loaded) -> bool:
        """Answer a start that took effect already as it was answered then. False if it did not."""
        known = self._cache.get(run_id)
        row = loaded.run(run_id) if known is None else None
        if known is None and row is None:
            return False
        batch.reply(arrival.sender, arrival.sent.number, ReplyKind.OK, Started(run_id, True))
        if request.wait_result:
            if known is None and row is not None:
                self._reading.outcome_of(batch, arrival, row)
            elif known is not None and known.state.outcome is not None:
                batch.reply(arrival.sender, arrival.sent.number, ReplyKind.OUTCOME, known.state.outcome)
            else:
                self._waiters.add(arrival.shard.shard_id, run_id, arrival.sender, arrival.sent.number)
        return True

    def _answer_start(
        self, batch: Batch, arrival: Arrival, request: StartWorkflow, state: MutableState, transition: Transition
    ) -> None:
        batch.reply_to(arrival.sender, arrival.sent, transition)
        if request.wait_result and transition.reply_kind == ReplyKind.OK:
            self._waiters.add(state.shard_id, state.run_id, arrival.sender, arrival.sent.number)
