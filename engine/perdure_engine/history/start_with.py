"""A start that brings something along: a signal or an update for the new run, or for the one that is open already.

Role: settles for which run it is, in the batch of one commit, so that nobody ever sees the one without the other.
Rules: idempotent as a start is, by its request id. The signal carries the same request id.
"""

from __future__ import annotations

from perdure.protocol.ids import run_id_for_start
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind, Started
from perdure.protocol.requests import IdConflictPolicy, StartWorkflow, StartWorkflowWith
from perdure_engine.core.decide import along_problem, decide_with_content, settle_open_conflict, settle_reuse
from perdure_engine.core.transition import Transition
from perdure_engine.history.arrival import Arrival
from perdure_engine.history.batch import Batch
from perdure_engine.history.cache import CachedRun, ExecutionCache
from perdure_engine.history.loading import Loaded
from perdure_engine.history.runs import Runs
from perdure_engine.history.updates import Updates


def start_with(
    runs: Runs,
    cache: ExecutionCache,
    updates: Updates,
    batch: Batch,
    arrival: Arrival,
    request: StartWorkflowWith,
    loaded: Loaded,
) -> None:
    """Decide one such start."""
    problem = along_problem(request)
    if problem is not None:
        _refuse(batch, arrival, ErrorReply(ErrorCode.INVALID_ARGUMENT, problem))
        return
    start = request.start
    run_id = run_id_for_start(start.namespace, start.workflow_id, start.request_id)
    began = cache.get(run_id)
    if began is not None or loaded.run(run_id) is not None:
        _give(runs, updates, batch, arrival, request, began, run_id)
        return
    existing = cache.latest(start.namespace, start.workflow_id)
    if existing is not None and existing.state.is_open:
        if not _replaces(runs, updates, batch, arrival, request, existing):
            return
    else:
        last = loaded.latest(start.namespace, start.workflow_id) if existing is None else None
        closed = existing.state if existing is not None else last
        if closed is not None and not _follows(runs, batch, arrival, request, loaded, closed.run_id):
            return
        transition = Transition()
        if closed is not None and not settle_reuse(start, closed.run_id, closed.status, transition):
            batch.reply_to(arrival.sender, arrival.sent, transition)
            return
    transition = runs.create(batch, arrival.shard, start, run_id, loaded, block=arrival.sent.content, along=request)
    batch.reply_to(arrival.sender, arrival.sent, transition)
    run = cache.get(run_id)
    if run is not None and request.update is not None:
        updates.wait(run.state, arrival, request.update)


def _replaces(
    runs: Runs,
    updates: Updates,
    batch: Batch,
    arrival: Arrival,
    request: StartWorkflowWith,
    existing: CachedRun,
) -> bool:
    """A run is open. True if it was terminated for a new one; else what came along is settled."""
    start, update, state = request.start, request.update, existing.state
    knows = update is not None and (update.update_id in state.updates or update.update_id in state.admitted)
    if start.id_conflict_policy == IdConflictPolicy.USE_EXISTING or knows:
        _give(runs, updates, batch, arrival, request, existing, state.run_id)
        return False
    transition = Transition()
    if settle_open_conflict(start, state.run_id, transition):
        runs.terminate_for(batch, arrival, existing, start.identity)
        return True
    batch.reply_to(arrival.sender, arrival.sent, transition)
    return False


def _follows(
    runs: Runs,
    batch: Batch,
    arrival: Arrival,
    request: StartWorkflowWith,
    loaded: Loaded,
    closed_run_id: str,
) -> bool:
    """Whether the run that is closed did not get this very signal while it was open: then it was answered so."""
    start = request.start
    if request.signal is None:
        return True
    if start.request_id not in runs.witnessed(start, loaded, batch.now_us):
        return True
    batch.reply(arrival.sender, arrival.sent.number, ReplyKind.OK, Started(closed_run_id, False))
    return False


def _give(
    runs: Runs,
    updates: Updates,
    batch: Batch,
    arrival: Arrival,
    request: StartWorkflowWith,
    run: CachedRun | None,
    run_id: str,
) -> None:
    """Give what came along to a run that exists. `run` None, or closed: it has had it, or is too late for it."""
    is_open = run is not None and run.state.is_open
    if request.update is not None:
        if run is not None and is_open:
            runs.update(batch, arrival, request.update, run)
        else:
            updates.tell_closed(batch, arrival, request.update, run_id)
        return
    created = run_id == run_id_for_start(request.namespace, request.workflow_id, request.start.request_id)
    if run is not None and is_open and request.signal is not None:
        transition = decide_with_content(run.state, request.signal, arrival.sent.content, batch.now_us)
        draft = batch.add(arrival.shard, run, transition)
        if transition.reply_kind == ReplyKind.OK:
            transition.answer(Started(run_id, created))
        batch.reply_to(arrival.sender, arrival.sent, transition)
        runs.settle(batch, draft, run)
    else:
        batch.reply(arrival.sender, arrival.sent.number, ReplyKind.OK, Started(run_id, created))


def start_of(request: StartWorkflow | StartWorkflowWith) -> StartWorkflow:
    """The start itself."""
    return request.start if isinstance(request, StartWorkflowWith) else request


def _refuse(batch: Batch, arrival: Arrival, refusal: ErrorReply) -> None:
    batch.reply(arrival.sender, arrival.sent.number, ReplyKind.ERROR, refusal)
