"""Signals and requests to cancel that come from other runs, and the close of children whose parent has closed.

Rules: as for those that clients send, but that the answer is a message to the sender's shard. Whether a run that has
closed took a message in before is for its stored witnesses to say.
"""

from __future__ import annotations

from typing import Any

from perdure.protocol.child_workflow import ParentClosePolicy
from perdure.protocol.messages import (
    AcknowledgeMessage,
    CancelExternalWorkflow,
    CloseChildWorkflow,
    Origin,
    RecordExternalAnswer,
    SignalExternalWorkflow,
)
from perdure.protocol.replies import ErrorCode, ErrorReply
from perdure.protocol.requests import RequestCancelWorkflow, SignalWorkflow, TerminateWorkflow
from perdure_broker.port import Broker
from perdure_engine.core.external import NOT_FOUND
from perdure_engine.history.arrival import Arrival
from perdure_engine.history.batch import Batch
from perdure_engine.history.cache import CachedRun, ExecutionCache
from perdure_engine.history.loading import Loaded
from perdure_engine.history.post import Post
from perdure_engine.history.refusals import Refusals
from perdure_engine.history.runs import Runs
from perdure_store.port import Store

SIGNAL_COUNT_LIMIT_EXCEEDED = "SIGNAL_COUNT_LIMIT_EXCEEDED"
INVALID_ARGUMENT = "INVALID_ARGUMENT"

CLOSED_BY_PARENT = "by parent close policy"
"""The reason that a child is given (Temporal's words)."""

_CAUSES: dict[int, str] = {ErrorCode.RESOURCE_EXHAUSTED: SIGNAL_COUNT_LIMIT_EXCEEDED}


class ExternalRequests:
    def __init__(
        self, store: Store, broker: Broker, cache: ExecutionCache, runs: Runs, refusals: Refusals, post: Post
    ) -> None:
        self._store = store
        self._broker = broker
        self._cache = cache
        self._runs = runs
        self._refusals = refusals
        self._post = post

    def signal(self, batch: Batch, arrival: Arrival, request: SignalExternalWorkflow, loaded: Loaded) -> None:
        inner = SignalWorkflow(
            request.namespace,
            request.workflow_id,
            request.run_id,
            request.signal_name,
            request.input,
            request.origin.request_id,
            request.identity,
            request.headers,
        )
        self._deliver(batch, arrival, request, inner, loaded)

    def cancel(self, batch: Batch, arrival: Arrival, request: CancelExternalWorkflow, loaded: Loaded) -> None:
        inner = RequestCancelWorkflow(
            request.namespace,
            request.workflow_id,
            request.run_id,
            request.reason,
            request.origin.request_id,
            request.identity,
        )
        self._deliver(batch, arrival, request, inner, loaded)

    def close_child(self, batch: Batch, arrival: Arrival, request: CloseChildWorkflow, loaded: Loaded) -> None:
        """A child that has closed meanwhile, or never was, needs no closing."""
        origin = request.origin
        run = self._find(arrival.shard.shard_id, request)
        if run is not None:
            target = (request.namespace, request.workflow_id, run.state.run_id, CLOSED_BY_PARENT)
            if request.parent_close_policy == ParentClosePolicy.REQUEST_CANCEL:
                self._decide(batch, arrival, run, RequestCancelWorkflow(*target, origin.request_id, "parent"))
            else:
                self._decide(batch, arrival, run, TerminateWorkflow(*target, b"", "", "parent"))
        batch.answer(arrival.shard, origin.shard_id, AcknowledgeMessage(origin.run_id, origin.event_id))

    # One message -----------------------------------------------------------------------------------------------------

    def _find(
        self, shard_id: int, request: SignalExternalWorkflow | CancelExternalWorkflow | CloseChildWorkflow
    ) -> CachedRun | None:
        """The open run that a message is for."""
        if request.run_id:
            run = self._cache.get_of(shard_id, request.run_id)
        else:
            run = self._cache.latest(request.namespace, request.workflow_id)
        if run is None or not run.state.is_open:
            return None
        first_run_id = request.first_run_id if not request.run_id else ""
        return run if first_run_id in ("", run.state.started.first_execution_run_id) else None

    def _deliver(
        self,
        batch: Batch,
        arrival: Arrival,
        request: SignalExternalWorkflow | CancelExternalWorkflow,
        inner: SignalWorkflow | RequestCancelWorkflow,
        loaded: Loaded,
    ) -> None:
        origin = request.origin
        run = self._find(arrival.shard.shard_id, request)
        if run is None:
            self._answer_closed(batch, arrival, request, loaded)
        elif origin.request_id in run.witnessed:
            self._answer(batch, arrival, origin, "")
        elif self._refusals.find(batch, origin.run_id, origin.event_id) is not None:
            self._answer(batch, arrival, origin, NOT_FOUND)
        else:
            self._answer(batch, arrival, origin, self._decide(batch, arrival, run, inner, request))

    def _decide(self, batch: Batch, arrival: Arrival, run: CachedRun, request: Any, message: Any | None = None) -> str:
        """Let the run take it in. Returns the cause why it did not."""
        transition = self._runs.decide_run(batch, arrival.shard, run, request, message)
        body = transition.reply_body
        return _CAUSES.get(body.code, INVALID_ARGUMENT) if isinstance(body, ErrorReply) else ""

    def _answer(self, batch: Batch, arrival: Arrival, origin: Origin, cause: str) -> None:
        answer = RecordExternalAnswer(origin.run_id, origin.event_id, cause)
        batch.answer(arrival.shard, origin.shard_id, answer)

    def _answer_closed(
        self,
        batch: Batch,
        arrival: Arrival,
        request: SignalExternalWorkflow | CancelExternalWorkflow,
        loaded: Loaded,
    ) -> None:
        """No open run is meant. One that has closed may have taken the message in before: the store tells."""
        known = self._cache.get_of(arrival.shard.shard_id, request.run_id) if request.run_id else None
        if known is None and not request.run_id:
            known = self._cache.latest(request.namespace, request.workflow_id)
        row = loaded.run(request.run_id) if request.run_id else loaded.latest(request.namespace, request.workflow_id)
        run_id = known.state.run_id if known is not None else row.run_id if row is not None else ""
        origin, shard_id = request.origin, arrival.shard.shard_id

        async def answer() -> None:
            cause = ""
            if not run_id or not await self._store.request_exists(shard_id, run_id, origin.request_id):
                cause = NOT_FOUND
                self._refusals.note(origin.run_id, origin.event_id, ErrorReply(ErrorCode.NOT_FOUND, cause))
            answers = {origin.shard_id: [RecordExternalAnswer(origin.run_id, origin.event_id, cause)]}
            for target, envelopes in self._post.envelopes(answers).items():
                await self._broker.send([(target, data) for data in envelopes])

        batch.touch(arrival.shard)
        batch.after.append(answer)
