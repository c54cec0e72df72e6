"""Messages from other runs, taken in: a child to be started, the word how one closed, and answers to what was sent.

Rules: a message may come twice, or late. What it asks for happens once; its answer is sent each time, in the release of
the batch. An answer for a run that has closed meanwhile ends its row all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.protocol.child_workflow import ParentClosePolicy
from perdure.protocol.ids import run_id_for_child
from perdure.protocol.messages import (
    AcknowledgeMessage,
    CancelExternalWorkflow,
    CloseChildWorkflow,
    Origin,
    RecordChildClosed,
    RecordChildStarted,
    RecordExternalAnswer,
    SignalExternalWorkflow,
    StartChildWorkflow,
)
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind
from perdure_engine.core.child import start_request
from perdure_engine.core.decide import settle_reuse
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import Transition
from perdure_engine.history.arrival import Arrival
from perdure_engine.history.batch import Batch
from perdure_engine.history.cache import CachedRun, ExecutionCache
from perdure_engine.history.external import INVALID_ARGUMENT, ExternalRequests
from perdure_engine.history.loading import Loaded
from perdure_engine.history.post import Post
from perdure_engine.history.refusals import Refusals
from perdure_engine.history.runs import Runs
from perdure_engine.history.shard import Shard
from perdure_store.port import ExecutionRow

EVENT_ID_MAX = 2**53
"""Far above the events that a run may have, and well within what the columns of the store hold."""

WORKFLOW_ALREADY_EXISTS = "WORKFLOW_ALREADY_EXISTS"


class Messages:
    def __init__(
        self, cache: ExecutionCache, runs: Runs, external: ExternalRequests, refusals: Refusals, post: Post
    ) -> None:
        self._cache = cache
        self._runs = runs
        self._refusals = refusals
        self._post = post
        self._handlers: dict[type[Any], Callable[[Batch, Arrival, Any, Loaded], None]] = {
            StartChildWorkflow: self._start_child,
            RecordChildStarted: self._record_started,
            RecordChildClosed: self._record_closed,
            RecordExternalAnswer: self._record_external_answer,
            SignalExternalWorkflow: external.signal,
            CancelExternalWorkflow: external.cancel,
            CloseChildWorkflow: external.close_child,
            AcknowledgeMessage: self._acknowledged,
        }

    def take(self, batch: Batch, arrival: Arrival, loaded: Loaded) -> bool:
        """Carry out a message. False, and nothing was done, if the request is none."""
        request = arrival.sent.request
        handler = self._handlers.get(type(request))
        if handler is None:
            return False
        problem = self._problem(request)
        if problem is None:
            handler(batch, arrival, request, loaded)
        else:
            refusal = ErrorReply(ErrorCode.INVALID_ARGUMENT, problem)
            batch.reply(arrival.sender, arrival.sent.number, ReplyKind.ERROR, refusal)
        return True

    def _problem(self, request: Any) -> str | None:
        """What no engine would have sent, or None."""
        origin: Origin | None = getattr(request, "origin", None)
        if origin is not None and not self._post.has_shard(origin.shard_id):
            return f"a message says that it comes from shard {origin.shard_id}, which there is not"
        told = origin if origin is not None else request
        event_id = getattr(told, "initiated_event_id", 0) or getattr(told, "event_id", 0)
        if not 0 < event_id <= EVENT_ID_MAX:
            return f"a message is about event {event_id}; events are numbered from 1 to {EVENT_ID_MAX} at the most"
        return None

    def refuse(self, batch: Batch, shard: Shard, request: Any) -> bool:
        """A message that cannot be carried out is answered all the same, or its sender would send it for ever. True if
        there is no need to keep it: an answer comes again with the message that it answers."""
        origin: Origin | None = getattr(request, "origin", None)
        if origin is None:
            return type(request) in self._handlers
        if isinstance(request, StartChildWorkflow):
            batch.answer(shard, origin.shard_id, _start_answer(request, INVALID_ARGUMENT))
        elif isinstance(request, SignalExternalWorkflow | CancelExternalWorkflow):
            answer = RecordExternalAnswer(origin.run_id, origin.event_id, INVALID_ARGUMENT)
            batch.answer(shard, origin.shard_id, answer)
        else:
            batch.answer(shard, origin.shard_id, AcknowledgeMessage(origin.run_id, origin.event_id))
        return False

    # To the child ----------------------------------------------------------------------------------------------------

    def _start_child(self, batch: Batch, arrival: Arrival, request: StartChildWorkflow, loaded: Loaded) -> None:
        origin = request.origin
        run_id = run_id_for_child(origin.run_id, origin.event_id)
        cause = ""
        if self._cache.get(run_id) is None and loaded.run(run_id) is None:
            refused = self._refusals.find(batch, origin.run_id, origin.event_id)
            if refused is not None:
                cause = refused.message
            elif cause := self._start_new(batch, arrival, request, run_id, loaded):
                refusal = ErrorReply(ErrorCode.ALREADY_STARTED, cause)
                self._refusals.refuse(batch, origin.run_id, origin.event_id, refusal)
        batch.answer(arrival.shard, origin.shard_id, _start_answer(request, cause))

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
        transition = self._runs.create(batch, arrival.shard, start, run_id, loaded, request)
        return "" if transition.records else INVALID_ARGUMENT

    # To the parent ---------------------------------------------------------------------------------------------------

    def _record_started(self, batch: Batch, arrival: Arrival, request: RecordChildStarted, loaded: Loaded) -> None:
        if self._decide(batch, arrival, request, request.initiated_event_id, loaded):
            return
        run_id, event_id = request.run_id, request.initiated_event_id
        batch.settle(arrival.shard, run_id, event_id)
        if not request.cause and request.parent_close_policy != ParentClosePolicy.ABANDON:
            # The parent closed while the child was being started: its policy still holds.
            origin = Origin(arrival.shard.shard_id, run_id, event_id)
            child = (request.child_namespace, request.child_workflow_id, request.child_run_id)
            message = CloseChildWorkflow(origin, *child, request.parent_close_policy)
            batch.send(arrival.shard, request.child_namespace, run_id, event_id, message)

    def _record_closed(self, batch: Batch, arrival: Arrival, request: RecordChildClosed, loaded: Loaded) -> None:
        self._decide(batch, arrival, request, request.parent.initiated_event_id, loaded)
        origin = request.origin
        batch.answer(arrival.shard, origin.shard_id, AcknowledgeMessage(origin.run_id, origin.event_id))

    def _record_external_answer(
        self, batch: Batch, arrival: Arrival, request: RecordExternalAnswer, loaded: Loaded
    ) -> None:
        if not self._decide(batch, arrival, request, request.initiated_event_id, loaded):
            batch.settle(arrival.shard, request.run_id, request.initiated_event_id)

    def _acknowledged(self, batch: Batch, arrival: Arrival, request: AcknowledgeMessage, loaded: Loaded) -> None:
        batch.settle(arrival.shard, request.run_id, request.event_id)

    def _decide(self, batch: Batch, arrival: Arrival, request: Any, event_id: int, loaded: Loaded) -> bool:
        """Let the machines of an open run decide what it is told about this event. False if it is closed, or was never
        there, and no reset put another run in its place that waits for this."""
        run = self._cache.get_of(arrival.shard.shard_id, request.run_id)
        if run is None or not run.state.is_open:
            run = self._heir(run, request.run_id, event_id, loaded)
        if run is None:
            return False
        if run.state.run_id != request.run_id and not isinstance(request, RecordChildClosed):
            batch.settle(arrival.shard, request.run_id, event_id)  # the message was the closed run's
        self._runs.decide_run(batch, arrival.shard, run, request, request)
        return True

    def _heir(self, closed: CachedRun | None, run_id: str, event_id: int, loaded: Loaded) -> CachedRun | None:
        """The open run that has the event of a closed one, by a reset."""
        known: MutableState | ExecutionRow | None = loaded.run(run_id) if closed is None else closed.state
        if known is None:
            return None
        heir = self._cache.open_run(known.namespace, known.workflow_id)
        is_heir = heir is not None and heir.state.bases and heir.state.run_of(event_id) == run_id
        return heir if is_heir else None


def _start_answer(request: StartChildWorkflow, cause: str) -> RecordChildStarted:
    origin = request.origin
    return RecordChildStarted(
        origin.run_id,
        origin.event_id,
        run_id_for_child(origin.run_id, origin.event_id),
        cause,
        request.namespace,
        request.workflow_id,
        request.initiated.parent_close_policy,
    )
