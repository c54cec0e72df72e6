"""Deciding: each request of a batch against its run, in order.

Role: finds the run (memory, or what `loading` brought), lets the core decide, and adds the transition to the batch.
Rules: synchronous from the first request of a batch to the last, so that nothing changes underneath.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from perdure.protocol.child_workflow import ParentLink
from perdure.protocol.content import ContentBlock
from perdure.protocol.ids import run_id_for_child, run_id_for_start
from perdure.protocol.messages import AcknowledgeMessage, RecordChildClosed, StartChildWorkflow
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind, Started
from perdure.protocol.requests import (
    ChangeActivity,
    DeleteWorkflow,
    RecordActivityTaskStarted,
    ReportActivity,
    ReportTaskLost,
    RequestCancelWorkflow,
    ResetWorkflow,
    SignalWorkflow,
    StartWorkflow,
    StartWorkflowWith,
    TerminateWorkflow,
)
from perdure.protocol.tasks import TaskKind, task_member
from perdure.protocol.updates import AwaitUpdate, UpdateWorkflow
from perdure_broker.port import Broker
from perdure_engine.core import speculation
from perdure_engine.core.attempt import current
from perdure_engine.core.content import inherit, keep
from perdure_engine.core.decide import (
    decide,
    decide_start,
    decide_timer,
    decide_with_content,
    settle_open_conflict,
    settle_reuse,
)
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import Remember, Successor, Transition
from perdure_engine.core.workflow_execution import terminate
from perdure_engine.history.arrival import Arrival
from perdure_engine.history.batch import Batch, Draft
from perdure_engine.history.cache import CachedRun, ExecutionCache
from perdure_engine.history.deleting import Deletions
from perdure_engine.history.external import ExternalRequests
from perdure_engine.history.loading import Loaded
from perdure_engine.history.messages import Messages
from perdure_engine.history.post import Post
from perdure_engine.history.queries import Queries
from perdure_engine.history.reading import Reading
from perdure_engine.history.refusals import Refusals
from perdure_engine.history.resetting import Resets
from perdure_engine.history.shard import Shard
from perdure_engine.history.start_with import start_of, start_with
from perdure_engine.history.updates import Updates
from perdure_engine.history.visibility import VisibilityWriter
from perdure_engine.history.waiters import Waiters
from perdure_store.port import ExecutionKey, ExecutionRow, Store, TimerKey, TimerRow

_BY_WORKFLOW_ID = (SignalWorkflow, RequestCancelWorkflow, TerminateWorkflow, ReportActivity, ChangeActivity)

_SOUGHT_OTHERWISE = frozenset(
    {StartWorkflow, StartWorkflowWith, StartChildWorkflow, ResetWorkflow, AcknowledgeMessage, RecordChildClosed}
)
"""Requests that do not simply name a run or a workflow."""

REPEATED_WITHIN_US = 3_600 * 1_000_000
"""A request may still be repeated so long after the run on which it took effect has closed."""

INHERITED_MAX = 1_000
"""Requests of the run before that a new run of the same workflow id remembers, the newest."""


class Decider:
    """Turns arrivals and due timers into transitions of a batch."""

    def __init__(
        self,
        cache: ExecutionCache,
        waiters: Waiters,
        queries: Queries,
        visibility: VisibilityWriter,
        reading: Reading,
        store: Store,
        broker: Broker,
        post: Post,
        updates: Updates,
        deletions: Deletions,
    ) -> None:
        self._cache = cache
        self._waiters = waiters
        self._queries = queries
        self._visibility = visibility
        self._reading = reading
        self._updates = updates
        self._refusals = Refusals()
        external = ExternalRequests(store, broker, cache, self, self._refusals, post)
        self._messages = Messages(cache, self, external, post)
        self._deciders: dict[type[Any], Callable[[Batch, Arrival, Any, Loaded], None]] = {
            StartWorkflow: self._start,
            StartWorkflowWith: partial(start_with, self, cache, updates),
            ResetWorkflow: Resets(cache, self).decide,
            DeleteWorkflow: partial(deletions.decide, runs=self),
            UpdateWorkflow: self._update,
            AwaitUpdate: self._update,
        }

    # What must be loaded -------------------------------------------------------------------------------------------

    def knows(self, run_id: str) -> bool:
        """Whether the run is in memory."""
        return self._cache.get(run_id) is not None

    def key_for(self, arrival: Arrival) -> ExecutionKey | None:
        """What the store must be asked for before this request can be decided, or None."""
        request = arrival.sent.request
        shard_id = arrival.shard.shard_id
        if type(request) in _SOUGHT_OTHERWISE:
            return self._key_for_others(shard_id, request)
        run_id = request.run_id
        if run_id:
            if self._cache.get(run_id) is not None:
                return None
            return ExecutionKey(shard_id, "", "", run_id)
        if self._cache.latest(request.namespace, request.workflow_id) is not None:
            return None
        return ExecutionKey(shard_id, request.namespace, request.workflow_id)

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

    def _is_open(self, run_id: str) -> bool:
        run = self._cache.get(run_id)
        return run is not None and run.state.is_open

    def _key_for_start(self, shard_id: int, namespace: str, workflow_id: str, candidate: str) -> ExecutionKey | None:
        if self._cache.get(candidate) is not None:
            return None
        if self._cache.latest(namespace, workflow_id) is not None:
            return ExecutionKey(shard_id, "", "", candidate)
        return ExecutionKey(shard_id, namespace, workflow_id, "", candidate)

    def key_for_timer(self, row: TimerRow) -> ExecutionKey | None:
        if self._cache.get(row.run_id) is not None:
            return None
        return ExecutionKey(row.shard_id, "", "", row.run_id)

    # Requests ------------------------------------------------------------------------------------------------------

    def decide(self, batch: Batch, arrival: Arrival, loaded: Loaded) -> None:
        request = arrival.sent.request
        decider = self._deciders.get(type(request))
        if decider is not None:
            decider(batch, arrival, request, loaded)
        elif not self._reading.read(batch, arrival, loaded) and not self._messages.take(batch, arrival, loaded):
            self._change(batch, arrival, request, loaded)

    def _change(self, batch: Batch, arrival: Arrival, request: Any, loaded: Loaded) -> None:
        run = self._find(request, arrival.shard.shard_id)
        if run is None or not run.state.is_open:
            self._change_closed(batch, arrival, request, run, loaded)
        elif isinstance(request, _BY_WORKFLOW_ID) and self._answer_again(batch, arrival, request, run):
            pass
        else:
            if isinstance(request, RecordActivityTaskStarted):
                request = request._replace(identity=arrival.sender)
            block = arrival.sent.content
            if block is None:
                transition = decide(run.state, request, batch.now_us)
            else:
                transition = decide_with_content(run.state, request, block, batch.now_us)
                if _is_incomplete(transition):  # its sender still has the task
                    batch.reply_to(arrival.sender, arrival.sent, transition)
                    return
            draft = batch.add(arrival.shard, run, transition)
            batch.reply_to(arrival.sender, arrival.sent, transition)
            self.settle(batch, draft, run)
        stream = getattr(request, "stream", None)
        if stream is not None:
            member = task_member(request.run_id, request.scheduled_event_id, request.attempt)
            if isinstance(request, ReportTaskLost) and run is not None and _goes_on(run.state, request, batch.now_us):
                member = ""
            batch.finish(stream, request.entry_id, member)

    def _update(self, batch: Batch, arrival: Arrival, request: UpdateWorkflow | AwaitUpdate, loaded: Loaded) -> None:
        run = self._find(request, arrival.shard.shard_id)
        if run is None or not run.state.is_open:
            run_id = self._closed_run_id(request, run, loaded)
            if run_id:
                self._updates.tell_closed(batch, arrival, request, run_id)
            else:
                self._refuse_unknown(batch, arrival, request)
        elif isinstance(request, AwaitUpdate):
            self._updates.ask(batch, arrival, run.state, request)
        else:
            self.update_open(batch, arrival, request, run)

    def update_open(self, batch: Batch, arrival: Arrival, request: UpdateWorkflow, run: CachedRun) -> None:
        """An update for an open run."""
        if self._updates.is_completed(run.state, request.update_id):
            self._updates.tell_completed(batch, arrival, run.state, request.update_id)
            return
        transition = decide(run.state, request, batch.now_us)
        draft = batch.add(arrival.shard, run, transition)
        batch.reply_to(arrival.sender, arrival.sent, transition)
        if transition.reply_kind == ReplyKind.REGISTERED:
            self._updates.wait(run.state, arrival, request)
        self.settle(batch, draft, run)

    def _answer_again(
        self,
        batch: Batch,
        arrival: Arrival,
        request: SignalWorkflow | RequestCancelWorkflow | TerminateWorkflow | ReportActivity | ChangeActivity,
        run: CachedRun,
    ) -> bool:
        """Answer a request by workflow id that comes again, and was for the run before this one, or was refused before
        this one began: it must not befall this one. False for any other."""
        if request.run_id and not isinstance(request, ReportActivity):
            return False  # the run itself knows it
        if request.request_id in run.witnessed:
            batch.reply(arrival.sender, arrival.sent.number, ReplyKind.OK, None)
            return True
        if request.run_id:
            return False
        refusal = self._refusals.find(arrival.sender, arrival.sent.number)
        if refusal is None:
            return False
        batch.reply(arrival.sender, arrival.sent.number, ReplyKind.ERROR, refusal)
        return True

    def _find(self, request: Any, shard_id: int) -> CachedRun | None:
        if request.run_id:
            return self._cache.get_of(shard_id, request.run_id)
        return self._cache.latest(request.namespace, request.workflow_id)

    def _change_closed(
        self, batch: Batch, arrival: Arrival, request: Any, run: CachedRun | None, loaded: Loaded
    ) -> None:
        """The run is closed (`run`: in memory still), or was never there."""
        if isinstance(request, ReportTaskLost):
            return
        if isinstance(request, _BY_WORKFLOW_ID):
            run_id = self._closed_run_id(request, run, loaded)
            if run_id:
                self._reading.answer_if_known(batch, arrival, run_id, self._refusals)
                return
            refusal = self._refuse_unknown(batch, arrival, request)

            async def note() -> None:
                self._refusals.note(arrival.sender, arrival.sent.number, refusal)

            batch.after.append(note)
        else:
            message = f"run {request.run_id} is closed or was never started; the task is no longer wanted, drop it"
            refusal = ErrorReply(ErrorCode.NOT_FOUND, message)
            batch.reply(arrival.sender, arrival.sent.number, ReplyKind.ERROR, refusal)

    def _closed_run_id(self, request: Any, run: CachedRun | None, loaded: Loaded) -> str:
        """The closed run that a request names (`run`: in memory still); empty if there is none."""
        if run is not None:
            return run.state.run_id
        row = loaded.run(request.run_id) if request.run_id else loaded.latest(request.namespace, request.workflow_id)
        return "" if row is None else row.run_id

    def _refuse_unknown(self, batch: Batch, arrival: Arrival, request: Any) -> ErrorReply:
        message = f"there is no workflow {request.workflow_id!r} in namespace {request.namespace!r}"
        if request.run_id:
            message += f" with the run id {request.run_id}"
        refusal = ErrorReply(ErrorCode.NOT_FOUND, message)
        batch.reply(arrival.sender, arrival.sent.number, ReplyKind.ERROR, refusal)
        return refusal

    # Starting ------------------------------------------------------------------------------------------------------

    def _start(self, batch: Batch, arrival: Arrival, request: StartWorkflow, loaded: Loaded) -> None:
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
            self.terminate_for(batch, arrival, existing, request.identity)
        elif existing is not None or last is not None:
            closed = existing.state if existing is not None else last
            if closed is not None and not settle_reuse(request, closed.run_id, closed.status, transition):
                batch.reply_to(arrival.sender, arrival.sent, transition)
                return
        transition = self.create(batch, arrival.shard, request, run_id, loaded, block=arrival.sent.content)
        batch.reply_to(arrival.sender, arrival.sent, transition)
        if request.wait_result and transition.records:
            self._waiters.add(arrival.shard.shard_id, run_id, arrival.sender, arrival.sent.number)

    def create(
        self,
        batch: Batch,
        shard: Shard,
        request: StartWorkflow,
        run_id: str,
        loaded: Loaded,
        parent: ParentLink | None = None,
        block: ContentBlock | None = None,
        along: StartWorkflowWith | None = None,
    ) -> Transition:
        """Start a run whose workflow id is free. Without records it was refused."""
        state, transition = decide_start(request, run_id, shard.shard_id, batch.now_us, parent, along)
        if state is None:
            return transition
        if block is not None:
            keep(state, block, batch.now_us, transition)
        before = self.witnessed(request, loaded, batch.now_us)
        self.begin(batch, shard, Successor(state, transition), before)
        return transition

    def witnessed(self, request: StartWorkflow, loaded: Loaded, now_us: int) -> Iterable[str]:
        """The requests that the last run of a workflow id took in, the newest last."""
        existing = self._cache.latest(request.namespace, request.workflow_id)
        if existing is not None:
            return existing.witnessed
        return _witnessed_by(loaded.latest(request.namespace, request.workflow_id), loaded, now_us)

    def begin(self, batch: Batch, shard: Shard, new: Successor, witnessed: Iterable[str]) -> None:
        """A run begins, and remembers what the run before it had witnessed."""
        new.transition.effects.extend(Remember(request_id) for request_id in list(witnessed)[-INHERITED_MAX:])
        run = CachedRun(new.state)
        self._cache.put(run)
        batch.add(shard, run, new.transition).created = True
        self._visibility.opened(batch, shard, new.state)

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

    def terminate_for(self, batch: Batch, arrival: Arrival, existing: CachedRun, identity: str) -> None:
        """End the run that is open, for a new one."""
        transition = Transition()
        request = TerminateWorkflow(
            existing.state.namespace,
            existing.state.workflow_id,
            existing.state.run_id,
            "terminated by a start with TERMINATE_EXISTING",
            b"",
            "",
            identity,
        )
        terminate(existing.state, request, batch.now_us, transition)
        self.settle(batch, batch.add(arrival.shard, existing, transition), existing)

    # Timers --------------------------------------------------------------------------------------------------------

    def fire(self, batch: Batch, shard: Shard, row: TimerRow, loaded: Loaded) -> None:
        """A timer of this shard is due."""
        batch.fire(TimerKey(*row[:5]))
        run = self._cache.get(row.run_id)
        if run is None or not run.state.is_open:
            return
        transition = decide_timer(run.state, row.kind, row.event_id, row.attempt, batch.now_us)
        self.settle(batch, batch.add(shard, run, transition), run)

    def redirect(self, batch: Batch, shard: Shard, run_id: str, event_id: int, attempt: int) -> None:
        """A sticky worker did not take its task in time: the task goes to the task queue, as the same attempt."""
        run = self._cache.get(run_id)
        if run is None or run.state.workflow_task is None:
            return
        state = run.state
        task = run.state.workflow_task
        if task.is_attempt(attempt) and state.workflow_task_id() == event_id and not task.next_attempt_time_us > 0:
            state.sticky_worker = ""
            if task.is_speculative:
                transition = Transition()
                speculation.send_again(state, batch.now_us, transition)
                self.settle(batch, batch.add(shard, run, transition), run)
            else:
                batch.resend(shard, state, event_id, task.attempt)

    # After each change ---------------------------------------------------------------------------------------------

    def refuse_message(self, batch: Batch, shard: Shard, request: Any) -> bool:
        """A request cannot be carried out: answer it, if another run sent it. True if it need not be kept."""
        return self._messages.refuse(batch, shard, request)

    def decide_run(self, batch: Batch, shard: Shard, run: CachedRun, request: Any) -> Transition:
        """Let an open run decide on what another run has sent, and take in what comes of it."""
        transition = decide(run.state, request, batch.now_us)
        self.settle(batch, batch.add(shard, run, transition), run)
        return transition

    def settle(self, batch: Batch, draft: Draft, run: CachedRun) -> None:
        """What a change means for those who wait."""
        state = run.state
        if draft.reached or draft.unkept:
            self._updates.settle(batch, draft, state)
        if draft.close is not None and not state.is_open:
            outcome = draft.close.outcome
            self._waiters.resolve(batch, state.shard_id, outcome)
            self._queries.run_closed(batch, state)
            self._updates.run_closed(state)
            self._visibility.closed(batch, draft.shard, state)
            if draft.close.successor is not None:
                inherit(state, draft.close.successor, batch.now_us)
                self.begin(batch, draft.shard, draft.close.successor, run.witnessed)
            return
        if draft.relisted:
            draft.relisted = False
            self._visibility.changed(batch, draft.shard, state)
        if state.workflow_task is None:
            self._queries.task_closed(batch, state)


def _witnessed_by(last: ExecutionRow | None, loaded: Loaded, now_us: int) -> tuple[str, ...]:
    """The requests that a run took in, unless it closed too long ago for anybody to repeat them."""
    if last is None or last.close_time_us + REPEATED_WITHIN_US < now_us:
        return ()
    return loaded.witnessed(last.run_id)


def _is_incomplete(transition: Transition) -> bool:
    reply = transition.reply_body
    return isinstance(reply, ErrorReply) and reply.code == ErrorCode.CONTENT_MISSING


def _goes_on(state: MutableState, lost: ReportTaskLost, now_us: int) -> bool:
    """Whether the attempt is out still: another worker runs it than the one that was lost."""
    if lost.task_kind != TaskKind.ACTIVITY:
        return False
    return current(state, lost.scheduled_event_id, lost.attempt, now_us) is not None
