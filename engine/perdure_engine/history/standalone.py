"""Activities without a workflow: each request about one, decided in the batch that it came in.

Role: what `lookup`, `deciding` and `reading` are for runs. Finds the execution (in memory, or as it was loaded), lets
the core decide, and gives the transition to the batch. Rules: synchronous within a batch, but for `load`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from perdure.protocol.codec import DecodeError
from perdure.protocol.ids import FIRST_EXECUTION, LAST_EXECUTION, activity_execution_id, execution_number
from perdure.protocol.replies import ErrorCode, ErrorReply, ExecutionStatus, ReplyKind, Started
from perdure.protocol.requests import (
    AwaitActivity,
    DescribeActivity,
    GetActivityTask,
    RecordActivityTaskStarted,
    ReportActivity,
    ReportTaskLost,
    RequestCancelActivity,
    StartActivity,
    TerminateActivity,
)
from perdure.protocol.tasks import task_member
from perdure_engine.core.standalone.attempt import encode_entry, is_out
from perdure_engine.core.standalone.decide import decide, decide_timer
from perdure_engine.core.standalone.description import describe
from perdure_engine.core.standalone.execution import ActivityExecution
from perdure_engine.core.standalone.reports import refuse_stale
from perdure_engine.core.standalone.start import follow, start
from perdure_engine.core.transition import Transition
from perdure_engine.history.activity_cache import ActivityCache, CachedActivity
from perdure_engine.history.activity_rows import execution_of, open_execution
from perdure_engine.history.arrival import Arrival
from perdure_engine.history.batch import Batch
from perdure_engine.history.loaded_activities import LoadedActivities
from perdure_engine.history.shard import Shard
from perdure_engine.history.waiters import Waiters
from perdure_store.port import ActivityKey, LoadedActivity, Store, TimerKey, TimerRow

REPEATED_WITHIN_MS = 3_600_000
"""A start may still be repeated so long after it was carried out."""


class StandaloneActivities:
    def __init__(self, store: Store, cache: ActivityCache, waiters: Waiters) -> None:
        self._store = store
        self._cache = cache
        self._waiters = waiters
        self._handlers: dict[type[Any], Callable[[Batch, Arrival, Any, LoadedActivities], None]] = {
            StartActivity: self._start,
            AwaitActivity: self._await,
            DescribeActivity: self._describe,
            RequestCancelActivity: self._change,
            TerminateActivity: self._change,
            ReportActivity: self._change,
            GetActivityTask: self._get_task,
            ReportTaskLost: self._lost,
        }

    @staticmethod
    def concerns(request: Any) -> bool:
        """Whether a request is about an activity without a workflow: it names its id, or the number of an execution
        where others name an event."""
        number = getattr(request, "scheduled_event_id", None)
        if number:
            return bool(number >= FIRST_EXECUTION)
        return type(request) in _BY_ID or (type(request) is ReportActivity and not request.workflow_id)

    # What must be loaded -------------------------------------------------------------------------------------------

    def key_for(self, arrival: Arrival) -> ActivityKey | None:
        """What the store must be asked for before this request can be decided, or None."""
        request = arrival.sent.request
        shard = arrival.shard
        if type(request) is StartActivity:
            run_id = activity_execution_id(request.namespace, request.activity_id)
            known = self._cache.get(run_id)
            if known is not None and known.execution.request_id == request.request_id:
                return None
            since = max(shard.time_us // 1000 - REPEATED_WITHIN_MS, 0)
            return ActivityKey(shard.shard_id, run_id, 0, request.request_id, since)
        run_id, number = _named(request)
        known = self._cache.get(run_id)
        if (
            number is None
            or number > LAST_EXECUTION
            or (known is not None and number in (0, known.execution.scheduled_event_id))
        ):
            return None
        return ActivityKey(shard.shard_id, run_id, number)

    def key_for_timer(self, row: TimerRow) -> ActivityKey | None:
        if self._cache.get(row.run_id) is not None:
            return None
        return ActivityKey(row.shard_id, row.run_id, row.event_id)

    async def load(self, keys: Sequence[ActivityKey]) -> LoadedActivities:
        """Ask for `keys`, and put open executions into the cache."""
        found = LoadedActivities()
        wanted = list(dict.fromkeys(keys))
        for key, loaded in zip(wanted, await self._store.load_activities(wanted), strict=True):
            if loaded.row is None and loaded.requested is None and loaded.task is None:
                continue
            try:
                self._take(key, loaded, found)
            except DecodeError as error:  # one that cannot be read must not end the rest
                found.broken[key.run_id] = f"what is kept of activity execution {key.run_id} cannot be read: {error}"
        return found

    def _take(self, key: ActivityKey, loaded: LoadedActivity, found: LoadedActivities) -> None:
        task = loaded.task
        row = loaded.row
        is_open = row is not None and row.status == ExecutionStatus.RUNNING
        if task is not None and (row is None or row.number != task.event_id):
            # No row tells of the one that is out. Another one, which is closed, may be asked for.
            if key.number in (0, task.event_id):
                self._remember(open_execution(None, task))
        elif is_open:
            self._remember(open_execution(row, task))
        for each in (row, loaded.requested):
            if each is not None and each.status != ExecutionStatus.RUNNING:
                closed = execution_of(each)
                found.closed[key.run_id, closed.number] = closed
                if each is row and key.number == 0:
                    found.closed[key.run_id, 0] = closed

    def _remember(self, execution: ActivityExecution) -> None:
        known = self._cache.get(execution.run_id)
        if known is None or known.execution.number < execution.number:
            self._cache.put(CachedActivity(execution))

    # Requests ------------------------------------------------------------------------------------------------------

    def decide(self, batch: Batch, arrival: Arrival, loaded: LoadedActivities) -> None:
        request = arrival.sent.request
        handler = self._handlers.get(type(request))
        if handler is not None:
            handler(batch, arrival, request, loaded)
        else:
            self._report(batch, arrival, request)

    def _start(self, batch: Batch, arrival: Arrival, request: StartActivity, loaded: LoadedActivities) -> None:
        run_id = activity_execution_id(request.namespace, request.activity_id)
        known = self._cache.get(run_id)
        last = known.execution if known is not None else loaded.closed.get((run_id, 0))
        if last is not None:
            repeated = self._repeated(request, run_id, last, known, loaded)
            if repeated is not None:
                batch.reply(arrival.sender, arrival.sent.number, ReplyKind.OK, Started(repeated.activity_run_id, True))
                if request.wait_result:
                    self._tell_outcome(batch, arrival, repeated)
                return
        transition = Transition()
        shard = arrival.shard
        execution = start(request, run_id, shard.shard_id, last, batch.now_us, transition)
        if transition.reply_kind is not None:
            batch.reply_to(arrival.sender, arrival.sent, transition)
        if execution is None:
            if known is not None and transition.effects:
                batch.add_activity(shard, known, transition)
            if request.wait_result and last is not None and transition.reply_kind == ReplyKind.OK:
                self._tell_outcome(batch, arrival, last)
            return
        entry = CachedActivity(execution, follows=known)
        self._cache.put(entry)
        batch.add_activity(shard, entry, transition)
        if request.wait_result:
            self._wait(execution, arrival)

    def _repeated(
        self,
        request: StartActivity,
        run_id: str,
        last: ActivityExecution,
        known: CachedActivity | None,
        loaded: LoadedActivities,
    ) -> ActivityExecution | None:
        """The execution that this very request has started before."""
        if last.request_id == request.request_id:
            return last
        if not request.request_id:
            return None
        closed = (one for (of, _), one in loaded.closed.items() if of == run_id)
        before = known.before if known is not None else ()
        return next((one for one in (*before, *closed) if one.request_id == request.request_id), None)

    def _report(self, batch: Batch, arrival: Arrival, request: Any) -> None:
        """What a worker says of an attempt."""
        entry = self._out(request)
        if entry is None:
            transition = Transition()
            refuse_stale(request.attempt, request.scheduled_event_id, transition)
        else:
            if type(request) is RecordActivityTaskStarted:
                request = request._replace(identity=arrival.sender)
            transition = self._decide(batch, arrival.shard, entry, request)
        batch.reply_to(arrival.sender, arrival.sent, transition)
        stream = getattr(request, "stream", None)
        if stream is not None:
            member = task_member(request.run_id, request.scheduled_event_id, request.attempt)
            batch.finish(stream, request.entry_id, member)

    def _lost(self, batch: Batch, arrival: Arrival, request: ReportTaskLost, loaded: LoadedActivities) -> None:
        entry = self._out(request)
        member = task_member(request.run_id, request.scheduled_event_id, request.attempt)
        if entry is not None:
            self._decide(batch, arrival.shard, entry, request)
            if is_out(entry.execution, request.attempt, batch.now_us):
                member = ""  # another worker runs it
        batch.finish(request.stream, request.entry_id, member)

    def _out(self, request: Any) -> CachedActivity | None:
        """The open execution that a worker's report is about."""
        entry = self._cache.get(request.run_id)
        if entry is None or entry.execution.scheduled_event_id != request.scheduled_event_id:
            return None
        return None if entry.execution.outcome is not None else entry

    def _decide(self, batch: Batch, shard: Shard, entry: CachedActivity, request: Any) -> Transition:
        transition = decide(entry.execution, request, batch.now_us)
        self._settle(batch, shard, entry, transition)
        return transition

    def _settle(self, batch: Batch, shard: Shard, entry: CachedActivity, transition: Transition) -> None:
        batch.add_activity(shard, entry, transition)
        if entry.execution.outcome is not None:
            self._waiters.resolve(batch, shard.shard_id, entry.execution.outcome)
            if entry.execution.deduplicated is not None:
                self._succeed(batch, shard, entry.execution)

    def _succeed(self, batch: Batch, shard: Shard, ended: ActivityExecution) -> None:
        """Start what was to wait for the end of an execution."""
        assert ended.deduplicated is not None
        successor, ended.deduplicated.successor = ended.deduplicated.successor, None
        if successor is None:
            return
        transition = Transition()
        execution = follow(successor, ended, batch.now_us, transition)
        entry = CachedActivity(execution)
        self._cache.put(entry)
        batch.add_activity(shard, entry, transition)

    # By the id -----------------------------------------------------------------------------------------------------

    def _find(self, request: Any, loaded: LoadedActivities) -> CachedActivity | ActivityExecution | None:
        """The execution that a request names, in memory or closed."""
        run_id, number = _named(request)
        known = self._cache.get(run_id)
        if known is not None:
            if number in (0, known.execution.scheduled_event_id):
                return known
            for execution in known.before:
                if execution.number == number:
                    return execution
        return None if number is None else loaded.closed.get((run_id, number))

    def _change(self, batch: Batch, arrival: Arrival, request: Any, loaded: LoadedActivities) -> None:
        found = self._find(request, loaded)
        if isinstance(found, CachedActivity) and found.execution.outcome is None:
            batch.reply_to(arrival.sender, arrival.sent, self._decide(batch, arrival.shard, found, request))
            return
        execution = found.execution if isinstance(found, CachedActivity) else found
        if execution is None:
            self._refuse_unknown(batch, arrival, request)
        elif request.request_id and execution.ended_by == request.request_id:
            batch.reply(arrival.sender, arrival.sent.number, ReplyKind.OK, None)
        else:
            message = f"activity {request.activity_id!r} is closed already; nothing was changed"
            refusal = ErrorReply(ErrorCode.NOT_FOUND, message, execution.activity_run_id)
            batch.reply(arrival.sender, arrival.sent.number, ReplyKind.ERROR, refusal)

    def _await(self, batch: Batch, arrival: Arrival, request: AwaitActivity, loaded: LoadedActivities) -> None:
        found = self._find(request, loaded)
        if found is None:
            self._refuse_unknown(batch, arrival, request)
            return
        self._tell_outcome(batch, arrival, found.execution if isinstance(found, CachedActivity) else found)

    def _describe(self, batch: Batch, arrival: Arrival, request: DescribeActivity, loaded: LoadedActivities) -> None:
        found = self._find(request, loaded)
        if found is None:
            self._refuse_unknown(batch, arrival, request)
            return
        execution = found.execution if isinstance(found, CachedActivity) else found
        batch.reply(arrival.sender, arrival.sent.number, ReplyKind.OK, describe(execution, batch.now_us))

    def _tell_outcome(self, batch: Batch, arrival: Arrival, execution: ActivityExecution) -> None:
        """The outcome, or word that it will be told."""
        if execution.outcome is not None:
            batch.reply(arrival.sender, arrival.sent.number, ReplyKind.OUTCOME, execution.outcome)
            return
        self._wait(execution, arrival)
        batch.reply(arrival.sender, arrival.sent.number, ReplyKind.REGISTERED, execution.activity_run_id)

    def _wait(self, execution: ActivityExecution, arrival: Arrival) -> None:
        self._waiters.add(execution.shard_id, execution.activity_run_id, arrival.sender, arrival.sent.number)

    def _get_task(self, batch: Batch, arrival: Arrival, request: GetActivityTask, loaded: LoadedActivities) -> None:
        entry = self._out(request)
        if entry is None or not is_out(entry.execution, request.attempt, batch.now_us):
            transition = Transition()
            refuse_stale(request.attempt, request.scheduled_event_id, transition)
            batch.reply_to(arrival.sender, arrival.sent, transition)
            return
        data = encode_entry(entry.execution, inline=True)
        batch.reply(arrival.sender, arrival.sent.number, ReplyKind.OK, data)

    def _refuse_unknown(self, batch: Batch, arrival: Arrival, request: Any) -> None:
        message = f"there is no activity {request.activity_id!r} in namespace {request.namespace!r}"
        if request.run_id:
            message += f" with the run id {request.run_id}"
        message += "; check the id and the namespace, or its retention is over"
        batch.reply(arrival.sender, arrival.sent.number, ReplyKind.ERROR, ErrorReply(ErrorCode.NOT_FOUND, message))

    # Timers --------------------------------------------------------------------------------------------------------

    def fire(self, batch: Batch, shard: Shard, row: TimerRow) -> None:
        """A timer of this shard is due."""
        batch.fire(TimerKey(*row[:5]))
        entry = self._cache.get(row.run_id)
        if entry is None or entry.execution.number != row.event_id or entry.execution.outcome is not None:
            return
        transition = decide_timer(entry.execution, row.kind, row.attempt, batch.now_us)
        self._settle(batch, shard, entry, transition)


_BY_ID = frozenset({StartActivity, AwaitActivity, DescribeActivity, RequestCancelActivity, TerminateActivity})


def _named(request: Any) -> tuple[str, int | None]:
    """What stands for the run id of the activity that a request names, and the number of the execution: 0 for the last
    one, None where there can be none."""
    number = getattr(request, "scheduled_event_id", 0)
    if number:
        return request.run_id, number
    run_id = activity_execution_id(request.namespace, request.activity_id)
    if not request.run_id:
        return run_id, 0
    return run_id, execution_number(run_id, request.run_id)
