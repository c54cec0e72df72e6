"""The runs of a batch: made, changed and ended, with all that this means for those who wait.

Role: whoever takes in a request (`deciding`, `starting`, `messages`, `resetting`, ...) has found out which run it is
for, and lets it be carried out here: the core decides, the batch takes the transition, and waiters, queries, updates
and lists hear of it. Rules: synchronous, within one batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from perdure.protocol.content import ContentBlock
from perdure.protocol.messages import StartChildWorkflow
from perdure.protocol.replies import ReplyKind
from perdure.protocol.requests import StartWorkflow, StartWorkflowWith, TerminateWorkflow
from perdure.protocol.updates import UpdateWorkflow
from perdure_engine.core.content import inherit, keep, take_over
from perdure_engine.core.decide import decide_message, decide_start, decide_with_content
from perdure_engine.core.transition import Remember, Successor, Transition
from perdure_engine.core.workflow_execution import terminate
from perdure_engine.history.arrival import Arrival
from perdure_engine.history.batch import Batch, Draft
from perdure_engine.history.cache import CachedRun, ExecutionCache
from perdure_engine.history.loading import Loaded
from perdure_engine.history.queries import Queries
from perdure_engine.history.shard import Shard
from perdure_engine.history.updates import Updates
from perdure_engine.history.visibility import VisibilityWriter
from perdure_engine.history.waiters import Waiters
from perdure_store.port import ExecutionRow

REPEATED_WITHIN_US = 3_600 * 1_000_000
"""A request may still be repeated so long after the run on which it took effect has closed."""

INHERITED_MAX = 1_000
"""Requests of the run before that a new run of the same workflow id remembers, the newest."""


class Runs:
    def __init__(
        self,
        cache: ExecutionCache,
        waiters: Waiters,
        queries: Queries,
        visibility: VisibilityWriter,
        updates: Updates,
    ) -> None:
        self._cache = cache
        self._waiters = waiters
        self._queries = queries
        self._visibility = visibility
        self._updates = updates

    # Beginning -----------------------------------------------------------------------------------------------------

    def create(
        self,
        batch: Batch,
        shard: Shard,
        request: StartWorkflow,
        run_id: str,
        loaded: Loaded,
        message: StartChildWorkflow | None = None,
        block: ContentBlock | None = None,
        along: StartWorkflowWith | None = None,
    ) -> Transition:
        """Start a run whose workflow id is free. Without records it was refused. `message`: a parent asks for it."""
        parent = None if message is None else message.parent
        state, transition = decide_start(request, run_id, shard.shard_id, batch.now_us, parent, along)
        if state is None:
            return transition
        if message is not None:
            take_over(state, message, batch.now_us, transition)
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

    # Changing ------------------------------------------------------------------------------------------------------

    def decide_run(
        self, batch: Batch, shard: Shard, run: CachedRun, request: Any, message: Any | None = None
    ) -> Transition:
        """Let an open run decide, and take in what comes of it. `message`: by which another run asks for it."""
        transition = decide_message(run.state, request, message, batch.now_us)
        self.settle(batch, batch.add(shard, run, transition), run)
        return transition

    def update(self, batch: Batch, arrival: Arrival, request: UpdateWorkflow, run: CachedRun) -> None:
        """An update for an open run."""
        if self._updates.is_completed(run.state, request.update_id):
            self._updates.tell_completed(batch, arrival, run.state, request.update_id)
            return
        transition = decide_with_content(run.state, request, arrival.sent.content, batch.now_us)
        draft = batch.add(arrival.shard, run, transition)
        batch.reply_to(arrival.sender, arrival.sent, transition)
        if transition.reply_kind == ReplyKind.REGISTERED:
            self._updates.wait(run.state, arrival, request)
        self.settle(batch, draft, run)

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
