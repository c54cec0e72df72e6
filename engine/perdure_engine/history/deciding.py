"""Deciding: each request of a batch against its run, in order.

Role: finds the run (memory, or what `loading` brought), lets the core decide, and adds the transition to the batch;
what has a file of its own (starts, resets, messages of other runs, ...) is handed on.
Rules: synchronous from the first request of a batch to the last, so that nothing changes underneath.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from perdure.protocol.ids import FIRST_EXECUTION
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind
from perdure.protocol.requests import (
    AwaitActivity,
    ChangeActivity,
    DeleteWorkflow,
    DescribeActivity,
    GetActivityTask,
    RecordActivityTaskHeartbeat,
    RecordActivityTaskStarted,
    ReportActivity,
    ReportTaskLost,
    RequestCancelActivity,
    RequestCancelWorkflow,
    ResetWorkflow,
    RespondActivityTaskCanceled,
    RespondActivityTaskCompleted,
    RespondActivityTaskDetached,
    RespondActivityTaskFailed,
    SignalWorkflow,
    StartActivity,
    StartWorkflow,
    StartWorkflowWith,
    TerminateActivity,
    TerminateWorkflow,
)
from perdure.protocol.tasks import TaskKind, task_member
from perdure.protocol.updates import AwaitUpdate, UpdateWorkflow
from perdure_broker.port import Broker
from perdure_engine.core import speculation
from perdure_engine.core.attempt import current
from perdure_engine.core.decide import (
    decide,
    decide_timer,
    decide_with_content,
)
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import Transition
from perdure_engine.history.arrival import Arrival
from perdure_engine.history.batch import Batch
from perdure_engine.history.cache import CachedRun, ExecutionCache
from perdure_engine.history.deleting import Deletions
from perdure_engine.history.external import ExternalRequests
from perdure_engine.history.loading import Loaded
from perdure_engine.history.messages import Messages
from perdure_engine.history.post import Post
from perdure_engine.history.reading import Reading
from perdure_engine.history.refusals import Refusals
from perdure_engine.history.resetting import Resets
from perdure_engine.history.runs import Runs
from perdure_engine.history.shard import Shard
from perdure_engine.history.standalone import StandaloneActivities
from perdure_engine.history.start_with import start_with
from perdure_engine.history.starting import Starts
from perdure_engine.history.updates import Updates
from perdure_engine.history.waiters import Waiters
from perdure_store.port import Store, TimerKey, TimerRow

_BY_WORKFLOW_ID = (SignalWorkflow, RequestCancelWorkflow, TerminateWorkflow, ReportActivity, ChangeActivity)

_OF_ACTIVITIES_ALONE = (StartActivity, AwaitActivity, DescribeActivity, RequestCancelActivity, TerminateActivity)

_OF_EITHER = (
    RecordActivityTaskStarted,
    RespondActivityTaskCompleted,
    RespondActivityTaskFailed,
    RespondActivityTaskCanceled,
    RespondActivityTaskDetached,
    RecordActivityTaskHeartbeat,
    GetActivityTask,
    ReportActivity,
    ReportTaskLost,
)
"""Requests about an activity, which may have a workflow."""


class Decider:
    """Turns arrivals and due timers into transitions of a batch."""

    def __init__(
        self,
        cache: ExecutionCache,
        waiters: Waiters,
        reading: Reading,
        store: Store,
        broker: Broker,
        post: Post,
        runs: Runs,
        updates: Updates,
        deletions: Deletions,
        standalone: StandaloneActivities,
    ) -> None:
        self._standalone = standalone
        self._cache = cache
        self._reading = reading
        self._runs = runs
        self._updates = updates
        self._refusals = Refusals()
        external = ExternalRequests(store, broker, cache, runs, self._refusals, post)
        self._messages = Messages(cache, runs, external, self._refusals, post)
        self._deciders: dict[type[Any], Callable[[Batch, Arrival, Any, Loaded], None]] = {
            StartWorkflow: Starts(cache, runs, waiters, reading).decide,
            StartWorkflowWith: partial(start_with, runs, cache, updates),
            ResetWorkflow: Resets(cache, runs).decide,
            DeleteWorkflow: partial(deletions.decide, runs=runs),
            UpdateWorkflow: self._update,
            AwaitUpdate: self._update,
            **dict.fromkeys(_OF_ACTIVITIES_ALONE, self._activity),
            **dict.fromkeys(_OF_EITHER, self._of_either),
        }

    # Requests ------------------------------------------------------------------------------------------------------

    def decide(self, batch: Batch, arrival: Arrival, loaded: Loaded) -> None:
        request = arrival.sent.request
        decider = self._deciders.get(type(request))
        if decider is not None:
            decider(batch, arrival, request, loaded)
        elif not self._reading.read(batch, arrival, loaded) and not self._messages.take(batch, arrival, loaded):
            self._change(batch, arrival, request, loaded)

    def _activity(self, batch: Batch, arrival: Arrival, request: Any, loaded: Loaded) -> None:
        self._standalone.decide(batch, arrival, loaded.activities)

    def _of_either(self, batch: Batch, arrival: Arrival, request: Any, loaded: Loaded) -> None:
        """A word about an activity, of a workflow or without one."""
        if self._standalone.concerns(request):
            self._standalone.decide(batch, arrival, loaded.activities)
        elif not self._reading.read(batch, arrival, loaded):
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
            self._runs.settle(batch, draft, run)
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
            self._runs.update(batch, arrival, request, run)

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
        refusal = self._refusals.find(batch, arrival.sender, arrival.sent.number)
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
            self._refusals.refuse(batch, arrival.sender, arrival.sent.number, refusal)
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

    # Timers --------------------------------------------------------------------------------------------------------

    def fire(self, batch: Batch, shard: Shard, row: TimerRow, loaded: Loaded) -> None:
        """A timer of this shard is due."""
        if row.event_id >= FIRST_EXECUTION:
            self._standalone.fire(batch, shard, row)
            return
        batch.fire(TimerKey(*row[:5]))
        run = self._cache.get(row.run_id)
        if run is None or not run.state.is_open:
            return
        transition = decide_timer(run.state, row.kind, row.event_id, row.attempt, batch.now_us)
        self._runs.settle(batch, batch.add(shard, run, transition), run)

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
                self._runs.settle(batch, batch.add(shard, run, transition), run)
            else:
                batch.resend(shard, state, event_id, task.attempt)

    def refuse_message(self, batch: Batch, shard: Shard, request: Any) -> bool:
        """A request cannot be carried out: answer it, if another run sent it. True if it need not be kept."""
        return self._messages.refuse(batch, shard, request)


def _is_incomplete(transition: Transition) -> bool:
    reply = transition.reply_body
    return isinstance(reply, ErrorReply) and reply.code == ErrorCode.CONTENT_MISSING


def _goes_on(state: MutableState, lost: ReportTaskLost, now_us: int) -> bool:
    """Whether the attempt is out still: another worker runs it than the one that was lost."""
    if lost.task_kind != TaskKind.ACTIVITY:
        return False
    return current(state, lost.scheduled_event_id, lost.attempt, now_us) is not None
