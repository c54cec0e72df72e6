"""Resetting: the one decision that needs the whole history of a run, and those of the runs that followed it.

Role: reads them while a batch is loaded, then has the core fork the run. In one transaction the open run of the
workflow id is closed and the new one begins.

Rules: the store must hold all that was decided before this batch (`settle`), so that what stands there, and in this
batch, is all there is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from perdure.protocol.events import HistoryEvent, WorkflowExecutionSignaled, decode_records
from perdure.protocol.ids import is_run_id, run_id_for_reset
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind, Started
from perdure.protocol.requests import ResetReapplyExclude, ResetWorkflow, TerminateWorkflow
from perdure_engine.core.outcome import outcome_of
from perdure_engine.core.reset import ANSWERS, Base, answers, finish_event_id, fork, request_problem, sent_after
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import Remember, Successor, Transition
from perdure_engine.core.workflow_execution import terminate
from perdure_engine.history.arrival import Arrival
from perdure_engine.history.batch import Batch
from perdure_engine.history.cache import CachedRun, ExecutionCache
from perdure_engine.history.loading import Loaded, load
from perdure_engine.history.runs import Runs
from perdure_store.port import ExecutionKey, ExecutionRow, Store

ROWS_A_READ = 500

CHAIN_MAX = 1_000
"""Runs after the one that is reset in which signals are looked for: as many as follow it at most, as far as anybody
wants them back."""


class HistoryReader:
    """Reads what resets need. `settle`: waits until everything decided is in the store."""

    def __init__(self, store: Store, cache: ExecutionCache, settle: Callable[[], Awaitable[None]]) -> None:
        self._store = store
        self._cache = cache
        self._settle = settle

    async def read(self, arrivals: Iterable[Arrival], loaded: Loaded) -> None:
        """Note the histories that the resets among these requests need.

        Raises:
            StoreError, BatchLost: nothing was changed; build the batch again.
        """
        await self._settle()
        for arrival in arrivals:
            request = arrival.sent.request
            if not isinstance(request, ResetWorkflow) or not is_run_id(request.run_id):
                continue
            shard_id = arrival.shard.shard_id
            candidate = run_id_for_reset(request.run_id, request.request_id)
            keys = [
                ExecutionKey(shard_id, "", "", request.run_id),
                ExecutionKey(shard_id, request.namespace, request.workflow_id, "", candidate),
            ]
            found = await load(self._store, self._cache, keys)
            loaded.add(found)
            if found.run(candidate) is None and self._cache.get(candidate) is None:
                await self._read_chain(shard_id, request.run_id, loaded)

    async def _read_chain(self, shard_id: int, run_id: str, loaded: Loaded) -> None:
        """The history of a run, and of those that followed it one after the other."""
        chain = loaded.histories[run_id] = {}
        for _ in range(CHAIN_MAX):
            records: list[HistoryEvent] = []
            after = 0
            try:
                while rows := await self._store.read_history(shard_id, run_id, after_batch_no=after, limit=ROWS_A_READ):
                    for row in rows:
                        records.extend(decode_records(row.data))
                    after = rows[-1].batch_no
            except ValueError as error:
                loaded.broken[run_id] = f"the history of run {run_id} cannot be read: {error}"
                return
            if not records:
                return
            chain[run_id] = records
            outcome = outcome_of(run_id, records[-1])
            if outcome is None or not outcome.next_run_id:
                return
            run_id = outcome.next_run_id


class Resets:
    """Decides resets."""

    def __init__(self, cache: ExecutionCache, runs: Runs) -> None:
        self._cache = cache
        self._runs = runs

    def decide(self, batch: Batch, arrival: Arrival, request: ResetWorkflow, loaded: Loaded) -> None:
        candidate = run_id_for_reset(request.run_id, request.request_id)
        if self._cache.get(candidate) is not None or loaded.run(candidate) is not None:
            batch.reply(arrival.sender, arrival.sent.number, ReplyKind.OK, Started(candidate, True))
            return
        problem = request_problem(request)
        if problem is not None:
            _refuse(batch, arrival, problem)
            return
        chain = self._chain(batch, request, loaded)
        if not chain:
            _refuse(batch, arrival, _unknown(request), ErrorCode.NOT_FOUND)
            return
        names = (request.namespace, request.workflow_id, request.run_id)
        base = Base(*names, arrival.shard.shard_id, chain[0][1])
        finish_id = finish_event_id(base, request)
        if isinstance(finish_id, str):
            _refuse(batch, arrival, finish_id)
            return
        current = self._cache.open_run(request.namespace, request.workflow_id)
        again = [
            record
            for number, (_, records) in enumerate(chain)
            for record in sent_after(records, 0 if number else finish_id, request.exclude)
        ]
        for number, (_, records) in enumerate(chain):
            again.extend(answers(records, finish_id, base.run_id if number else ""))
        if current is not None and any(run_id == current.state.run_id for run_id, _ in chain):
            again.extend(_waiting(current.state, request))
        successor = fork(base, finish_id, again, request, candidate, batch.now_us, chain[1:])
        successor.transition.effects.append(Remember(request.request_id))
        if current is not None:
            self._replace(batch, arrival, request, current, successor)
        else:
            last = loaded.latest(request.namespace, request.workflow_id)
            witnessed = loaded.witnessed(last.run_id) if last is not None else ()
            self._runs.begin(batch, arrival.shard, successor, witnessed)
        batch.reply(arrival.sender, arrival.sent.number, ReplyKind.OK, Started(candidate, True))

    def _chain(self, batch: Batch, request: ResetWorkflow, loaded: Loaded) -> list[tuple[str, Sequence[HistoryEvent]]]:
        """The run and those that followed it, with all their records; empty if the workflow has no such run."""
        known: MutableState | ExecutionRow | None = loaded.run(request.run_id)
        run = self._cache.get(request.run_id)
        if run is not None:
            known = run.state
        if known is None or (known.namespace, known.workflow_id) != (request.namespace, request.workflow_id):
            return []
        stored = loaded.histories.get(request.run_id, {})
        chain: list[tuple[str, Sequence[HistoryEvent]]] = []
        run_id = request.run_id
        while run_id:
            draft = batch.drafts.get(run_id)
            records = [*stored.get(run_id, ()), *(() if draft is None else draft.records)]
            if not records:
                break
            chain.append((run_id, records))
            outcome = outcome_of(run_id, records[-1])
            run_id = outcome.next_run_id if outcome is not None else ""
        return chain

    def _replace(
        self, batch: Batch, arrival: Arrival, request: ResetWorkflow, current: CachedRun, successor: Successor
    ) -> None:
        """The open run is terminated for the new one."""
        state, transition = current.state, Transition()
        reason = f"reset: {request.reason}" if request.reason else "reset"
        names = (state.namespace, state.workflow_id, state.run_id)
        termination = TerminateWorkflow(*names, reason, b"", "", request.identity)
        terminate(state, termination, batch.now_us, transition, successor)
        self._runs.settle(batch, batch.add(arrival.shard, current, transition), current)


def _waiting(state: MutableState, request: ResetWorkflow) -> list[HistoryEvent]:
    """What waits in the buffer of the open run: signals, which it will not see any more, and, if the run to be reset is
    itself the open one or led to it by a reset, answers of other workflows."""
    takes_signals = ResetReapplyExclude.SIGNAL not in request.exclude
    takes_answers = state.run_of(1) == request.run_id or any(run_id == request.run_id for _, run_id in state.bases)
    return [
        HistoryEvent(0, item.time_us, item.event.event_type, item.event.attributes)
        for item in state.buffered
        if (takes_signals and isinstance(item.event.attributes, WorkflowExecutionSignaled))
        or (takes_answers and item.event.event_type in ANSWERS)
    ]


def _unknown(request: ResetWorkflow) -> str:
    return (
        f"there is no run {request.run_id[:100]!r} of workflow {request.workflow_id!r} in namespace "
        f"{request.namespace!r}; check the ids and the namespace"
    )


def _refuse(batch: Batch, arrival: Arrival, problem: str, code: ErrorCode = ErrorCode.INVALID_ARGUMENT) -> None:
    batch.reply(arrival.sender, arrival.sent.number, ReplyKind.ERROR, ErrorReply(code, problem))
