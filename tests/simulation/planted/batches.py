"""Bugs of batches: what leaves too early, what is taken for committed, which timers and which starts are forgotten."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import uuid
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import pytest

from perdure.protocol.tasks import TaskKind
from perdure_broker.port import BrokerUnavailable, Outbox
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import Effect, Retire
from perdure_engine.history import lookup, starting
from perdure_engine.history.batch import Batch, Draft
from perdure_engine.history.committing import BatchLost, Committer
from perdure_engine.history.service import HistoryService
from perdure_engine.history.shard import Shard
from perdure_engine.history.timers import TimerQueue
from perdure_engine.history.visibility import VisibilityWriter
from perdure_store.port import CommitBatch, Store, TimerKey, TimerRow, UnknownOutcome
from tests.simulation.planted.bug import planted
from tests.simulation.rules import Rule
from tests.simulation.scenario import Scenario


@planted(Rule.START_KEPT, Rule.SIGNAL_KEPT, Rule.TASK_KEPT, Rule.RESULT_KEPT, Rule.ATTEMPT_KNOWN, seed=2)
def publish_before_commit(patch: pytest.MonkeyPatch) -> None:
    """Replies and tasks leave while the commit is under way, which may fail."""

    async def commit(self: Committer, batch: Batch, before: asyncio.Task[None] | None) -> None:
        await self._durable.put(batch)
        try:
            await self._write(batch, before)
        except BatchLost:
            self._failed()
            raise

    patch.setattr(Committer, "_commit", commit)


@planted(Rule.HANDED_OUT_ONCE, Rule.AFTER_SUCCESS, Rule.LIVENESS, seed=2)
def ack_before_commit(patch: pytest.MonkeyPatch) -> None:
    """What a batch finishes is acked before the batch is committed, which may fail."""
    begin = HistoryService.__init__

    def begin_hasty(self: HistoryService, *args: Any, **options: Any) -> None:
        begin(self, *args, **options)
        submit = self._committer.submit

        async def submit_late(batch: Batch) -> None:
            early = Outbox(finished=batch.outbox.finished, inbox_deletes=batch.outbox.inbox_deletes)
            with contextlib.suppress(BrokerUnavailable):
                await self._broker.release(early, batch.ranges)
            await submit(batch)

        patch.setattr(self._committer, "submit", submit_late)

    patch.setattr(HistoryService, "__init__", begin_hasty)


@planted(Rule.START_KEPT, Rule.SIGNAL_KEPT, Rule.TASK_KEPT, Rule.RESULT_KEPT)
def take_an_unknown_outcome_for_success(patch: pytest.MonkeyPatch) -> None:
    """A connection that is lost at COMMIT counts as a commit."""
    begin = Committer.__init__

    class Optimist:
        """A store whose commits always end well, as far as anybody knows."""

        def __init__(self, store: Store) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        async def commit(self, batch: CommitBatch) -> None:
            with contextlib.suppress(UnknownOutcome):
                await self._store.commit(batch)

    def begin_hopeful(self: Committer, store: Any, *args: Any, **options: Any) -> None:
        begin(self, Optimist(store), *args, **options)

    patch.setattr(Committer, "__init__", begin_hopeful)


@planted(Rule.START_KEPT, Rule.RUNS_APART)
def let_a_duplicate_start_run(patch: pytest.MonkeyPatch) -> None:
    """Each start makes a run id of its own, so that a repeated one begins another run."""
    numbers = itertools.count(1)

    def any_run_id(*words: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, str(next(numbers))))

    patch.setattr(lookup, "run_id_for_start", any_run_id)
    patch.setattr(starting, "run_id_for_start", any_run_id)


@planted(Rule.LIVENESS, seed=2)
def skip_a_timer_below_the_cursor(patch: pytest.MonkeyPatch) -> None:
    """A new owner takes timers that were due before it came for fired."""
    refill = TimerQueue.refill
    begun_us: WeakKeyDictionary[TimerQueue, int] = WeakKeyDictionary()

    async def refill_from_then(self: TimerQueue, store: Store, now_us: int) -> None:
        if self._horizon_us == 0:
            begun_us[self] = now_us
        await refill(self, store, now_us)
        for row in self._heap:
            if row.fire_at_us <= begun_us[self]:
                self.discard(TimerKey(*row[:5]))

    patch.setattr(TimerQueue, "refill", refill_from_then)


@planted(Rule.LEGAL)
def fire_timers_early(patch: pytest.MonkeyPatch) -> None:
    """Timers are taken for due half a second too early."""
    take_due = TimerQueue.take_due

    def take_early(self: TimerQueue, now_us: int, limit: int) -> list[TimerRow]:
        return take_due(self, now_us + 500_000, limit)

    patch.setattr(TimerQueue, "take_due", take_early)


@planted(Rule.LEFT_BEHIND, seed=2)
def leave_the_rows_of_finished_tasks(patch: pytest.MonkeyPatch) -> None:
    """The row of an activity's task is not deleted when it was retried, so that it never goes."""
    carry_out = Batch._carry_out

    def carry_out_most(self: Batch, shard: Shard, state: MutableState, draft: Draft, effect: Effect) -> None:
        is_left = isinstance(effect, Retire) and effect.kind == TaskKind.ACTIVITY and not state.is_open
        if not is_left:
            carry_out(self, shard, state, draft, effect)

    patch.setattr(Batch, "_carry_out", carry_out_most)


@planted(Rule.VISIBLE)
def forget_that_a_run_was_closed(patch: pytest.MonkeyPatch) -> None:
    """Lists go on showing a run as open."""
    patch.setattr(VisibilityWriter, "closed", lambda self, batch, shard, state: None)


def _with_few_workflows(scenario: Scenario) -> Scenario:
    """What stays behind is reported again and again."""
    return replace(scenario, workflows=(0, 1, 2, 3))


@planted(Rule.LEFT_BEHIND, sharpen=_with_few_workflows)
def forget_to_release_a_lease(patch: pytest.MonkeyPatch) -> None:
    """The entry of a task stays in its stream, and with the worker that finished it."""
    patch.setattr(Batch, "finish", lambda self, stream, entry_id, member: None)
