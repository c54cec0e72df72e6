"""Reads: requests that change nothing. What they say leaves with the batch that they came in, once that is durable."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.events import EventType, HistoryEvent, decode_records, encode_records
from perdure.protocol.ids import is_run_id, run_id_for_child
from perdure.protocol.replies import (
    Description,
    ErrorCode,
    ErrorReply,
    HistoryPage,
    Outcome,
    PendingActivity,
    PendingChild,
    PendingWorkflowTask,
    ReplyKind,
    encode_replies,
)
from perdure.protocol.requests import (
    AwaitResult,
    DescribeWorkflow,
    GetActivityTask,
    GetHistory,
    GetWorkflowTask,
    QueryWorkflow,
)
from perdure.protocol.updates import encode_deliveries
from perdure_broker.port import Broker
from perdure_engine.core.activity import encode_activity_task
from perdure_engine.core.outcome import outcome_of
from perdure_engine.core.state import ActivityPhase, ActivityState, ChildPhase, ChildState, MutableState
from perdure_engine.core.workflow_task import abridged, sent_updates
from perdure_engine.history.arrival import Arrival
from perdure_engine.history.batch import Batch
from perdure_engine.history.cache import ExecutionCache
from perdure_engine.history.loading import Loaded
from perdure_engine.history.queries import Queries
from perdure_engine.history.refusals import Refusals
from perdure_engine.history.waiters import Waiters
from perdure_store.port import ExecutionKey, ExecutionRow, HistoryRow, Store

PAGE_BYTES_MAX = 1_000_000
"""About the size of one page of history."""

EVENTS_A_PAGE = 20_000
"""Events from memory on one page, if they fit: each page costs a worker a round trip (an event of a fan-out takes about
50 bytes)."""

_ROWS_A_READ = 200

_STRANGE_TOKEN = "this page token was not made by a page of this history; begin again without one"


class _Place(NamedTuple):
    """Where a page begins: after this row of the history, and after this event. `run_id`: whose history the first page
    was of, since a workflow id may name another run by the next page."""

    batch_no: int = 0
    event_id: int = 0
    run_id: str = ""


class Reading:
    def __init__(self, store: Store, broker: Broker, cache: ExecutionCache, waiters: Waiters, queries: Queries) -> None:
        self._store = store
        self._broker = broker
        self._cache = cache
        self._waiters = waiters
        self._queries = queries
        self._handlers: dict[type[Any], Callable[[Batch, Arrival, Any, Loaded], None]] = {
            AwaitResult: self._await_result,
            DescribeWorkflow: self._describe,
            GetHistory: self._history,
            GetWorkflowTask: self._workflow_task,
            GetActivityTask: self._activity_task,
            QueryWorkflow: self._query,
        }

    def read(self, batch: Batch, arrival: Arrival, loaded: Loaded) -> bool:
        """Answer a read. False, and nothing was done, if the request is none."""
        request = arrival.sent.request
        handler = self._handlers.get(type(request))
        if handler is None:
            return False
        handler(batch, arrival, request, loaded)
        return True

    # Finding the run -----------------------------------------------------------------------------------------------

    def _state(self, request: Any, shard_id: int) -> MutableState | None:
        if request.run_id:
            run = self._cache.get_of(shard_id, request.run_id)
        else:
            run = self._cache.latest(request.namespace, request.workflow_id)
        return run.state if run is not None else None

    def _row(self, request: Any, loaded: Loaded) -> ExecutionRow | None:
        return loaded.run(request.run_id) if request.run_id else loaded.latest(request.namespace, request.workflow_id)

    def _refuse(self, batch: Batch, arrival: Arrival, message: str, code: ErrorCode = ErrorCode.NOT_FOUND) -> None:
        batch.reply(arrival.sender, arrival.sent.number, ReplyKind.ERROR, ErrorReply(code, message))

    def _refuse_unknown(self, batch: Batch, arrival: Arrival, request: Any) -> None:
        run = f" with the run id {request.run_id}" if request.run_id else ""
        self._refuse(
            batch,
            arrival,
            f"there is no workflow {request.workflow_id!r} in namespace {request.namespace!r}{run}; "
            "check the id and the namespace",
        )

    def _later(self, batch: Batch, arrival: Arrival, answer: Callable[[], Awaitable[tuple[ReplyKind, Any]]]) -> None:
        """Answer from the store, once the batch is durable."""

        async def run() -> None:
            kind, body = await answer()
            await self._broker.reply(arrival.sender, encode_replies([(arrival.sent.number, kind, body)]))

        batch.after.append(run)

    # Result --------------------------------------------------------------------------------------------------------

    def _await_result(self, batch: Batch, arrival: Arrival, request: AwaitResult, loaded: Loaded) -> None:
        state = self._state(request, arrival.shard.shard_id)
        if state is not None and state.is_open:
            self._waiters.add(state.shard_id, state.run_id, arrival.sender, arrival.sent.number)
            batch.reply(arrival.sender, arrival.sent.number, ReplyKind.REGISTERED, state.run_id)
        elif state is not None and state.outcome is not None:
            batch.reply(arrival.sender, arrival.sent.number, ReplyKind.OUTCOME, state.outcome)
        elif (row := self._row(request, loaded)) is not None:
            self.outcome_of(batch, arrival, row)
        else:
            self._refuse_unknown(batch, arrival, request)

    def outcome_of(self, batch: Batch, arrival: Arrival, row: ExecutionRow) -> None:
        """Answer with the outcome of a closed run: it stands in its last event."""

        async def answer() -> tuple[ReplyKind, Any]:
            last = await self._store.last_history_row(row.shard_id, row.run_id)
            told = None if last is None else outcome_of(row.run_id, decode_records(last.data)[-1])
            return ReplyKind.OUTCOME, told or Outcome(row.run_id, row.status)

        self._later(batch, arrival, answer)

    def answer_if_known(self, batch: Batch, arrival: Arrival, run_id: str, refusals: Refusals) -> None:
        """A signal, cancel or terminate for a closed run: fine if it is a repeated one, else too late, and `refusals`
        are told."""
        request = arrival.sent.request

        async def answer() -> tuple[ReplyKind, Any]:
            if await self._store.request_exists(arrival.shard.shard_id, run_id, request.request_id):
                return ReplyKind.OK, None
            message = f"workflow {request.workflow_id!r} is closed already; nothing was changed"
            refusal = ErrorReply(ErrorCode.NOT_FOUND, message, run_id)
            refusals.note(arrival.sender, arrival.sent.number, refusal)
            return ReplyKind.ERROR, refusal

        self._later(batch, arrival, answer)

    # Description ---------------------------------------------------------------------------------------------------

    def _describe(self, batch: Batch, arrival: Arrival, request: DescribeWorkflow, loaded: Loaded) -> None:
        state = self._state(request, arrival.shard.shard_id)
        if state is not None and state.is_open:
            batch.reply(arrival.sender, arrival.sent.number, ReplyKind.OK, describe(state, batch.now_us))
            return
        row = self._row(request, loaded)
        if state is None and row is None:
            self._refuse_unknown(batch, arrival, request)
            return
        run_id = state.run_id if state is not None else row.run_id if row is not None else ""
        shard_id = arrival.shard.shard_id

        async def answer() -> tuple[ReplyKind, Any]:
            return ReplyKind.OK, await self._describe_closed(shard_id, run_id)

        self._later(batch, arrival, answer)

    async def _describe_closed(self, shard_id: int, run_id: str) -> Description:
        """What a closed run looks like: from its row, and from its first event what the row does not hold."""
        [[execution]] = await self._store.load([ExecutionKey(shard_id, "", "", run_id)])
        rows = await self._store.read_history(shard_id, run_id, limit=1)
        last = await self._store.last_history_row(shard_id, run_id)
        row, started = execution.row, decode_records(rows[0].data)[0].attributes
        ending = [] if last is None else decode_records(last.data)
        kept = [record.attributes for record in ending if record.event_type == EventType.PROPERTIES_AT_CLOSE]
        properties = kept[0] if kept else started
        return Description(
            row.namespace,
            row.workflow_id,
            row.run_id,
            row.workflow_type,
            row.task_queue,
            row.status,
            row.start_time_us,
            row.close_time_us,
            row.history_length,
            row.history_size_bytes,
            properties.memo,
            properties.search_attributes,
            parent=started.parent,
            summary=started.summary,
            static_details=started.static_details,
        )

    # History -------------------------------------------------------------------------------------------------------

    def _history(self, batch: Batch, arrival: Arrival, request: GetHistory, loaded: Loaded) -> None:
        state = self._state(request, arrival.shard.shard_id)
        row = self._row(request, loaded)
        if state is None and row is None:
            self._refuse_unknown(batch, arrival, request)
            return
        run_id = state.run_id if state is not None else row.run_id if row is not None else ""
        shard_id = arrival.shard.shard_id
        size = min(max(request.page_size_bytes, 1), PAGE_BYTES_MAX)
        after = self._place_after(batch, arrival, request.page_token)
        if after is None:
            return
        begun = after.run_id or run_id
        place = after._replace(run_id=begun)

        async def answer() -> tuple[ReplyKind, Any]:
            if begun != run_id and not await self._is_run_of(shard_id, begun, request):
                return ReplyKind.ERROR, ErrorReply(ErrorCode.INVALID_ARGUMENT, _STRANGE_TOKEN)
            return ReplyKind.OK, await self._page(shard_id, begun, place, size)

        self._later(batch, arrival, answer)

    async def _is_run_of(self, shard_id: int, run_id: str, request: GetHistory) -> bool:
        """Whether this is, or was, a run of the workflow that the request names."""
        [found] = await self._store.load([ExecutionKey(shard_id, "", "", run_id)])
        wanted = (run_id, request.namespace, request.workflow_id)
        return any((one.row.run_id, one.row.namespace, one.row.workflow_id) == wanted for one in found)

    def _place_after(self, batch: Batch, arrival: Arrival, token: bytes) -> _Place | None:
        """The place that a page token names, the first one without; None if it is not one of ours, which is then
        answered."""
        if not token:
            return _Place()
        try:
            fields = unpack(token)
        except DecodeError:
            fields = None
        if type(fields) is tuple and 1 <= len(fields) <= 3:
            place = _Place(*fields)
            numbers = (place.batch_no, place.event_id)
            is_whole = all(type(number) is int and number >= 0 for number in numbers)
            if is_whole and type(place.run_id) is str and (not place.run_id or is_run_id(place.run_id)):
                return place
        self._refuse(batch, arrival, _STRANGE_TOKEN, ErrorCode.INVALID_ARGUMENT)
        return None

    async def _page(
        self, shard_id: int, run_id: str, after: _Place, size: int, last_batch_no: int | None = None
    ) -> HistoryPage:
        """A page from the store, of no row after `last_batch_no`."""
        rows = await self._store.read_history(shard_id, run_id, after_batch_no=after.batch_no, limit=_ROWS_A_READ)
        wanted = [row for row in rows if last_batch_no is None or row.batch_no <= last_batch_no]
        taken, more = _take(wanted, size)
        more = more or len(wanted) == _ROWS_A_READ
        token = _token(after._replace(batch_no=taken[-1].batch_no)) if taken and more else b""
        if after.event_id:
            return HistoryPage(tuple(_events_after(row, after.event_id) for row in taken), token, run_id)
        return HistoryPage(tuple(row.data for row in taken), token, run_id)

    def _workflow_task(self, batch: Batch, arrival: Arrival, request: GetWorkflowTask, loaded: Loaded) -> None:
        """History for a worker that holds the task. The new events alone are in memory; the rest is read."""
        state = self._state(request, arrival.shard.shard_id)
        if (
            state is None
            or state.workflow_task is None
            or not state.workflow_task.is_attempt(request.attempt)
            or state.workflow_task_id() != request.scheduled_event_id
        ):
            self._refuse(batch, arrival, "the workflow task is no longer the current one; drop it")
            return
        after = self._place_after(batch, arrival, request.page_token)
        if after is None:
            return
        updates = encode_deliveries(sent_updates(state)) if state.admitted and not request.page_token else b""
        is_recent = request.after_event_id == state.last_completed_event_id and state.recent is not None
        if is_recent and state.recent is not None and not after.batch_no:
            events = abridged(state.recent) if request.after_event_id else state.recent
            page = _recent_page(events, after.event_id)._replace(updates=updates)
            batch.reply(arrival.sender, arrival.sent.number, ReplyKind.OK, page)
            return
        shard_id, run_id = arrival.shard.shard_id, state.run_id
        # The task may be completed before the store is read, by another worker that was handed it too: what came of it
        # must not be shown to this one, which would take it for the past of the task that it is to do.
        last_batch_no = state.batch_no

        async def answer() -> tuple[ReplyKind, Any]:
            page = await self._page(shard_id, run_id, after, PAGE_BYTES_MAX, last_batch_no)
            return ReplyKind.OK, page._replace(updates=updates)

        self._later(batch, arrival, answer)

    def _activity_task(self, batch: Batch, arrival: Arrival, request: GetActivityTask, loaded: Loaded) -> None:
        state = self._state(request, arrival.shard.shard_id)
        activity = state.activities.get(request.scheduled_event_id) if state is not None else None
        if state is None or activity is None or activity.attempt != request.attempt:
            self._refuse(batch, arrival, "the activity task is no longer the current one; drop it")
            return
        data = encode_activity_task(state, activity, inline=True)
        batch.reply(arrival.sender, arrival.sent.number, ReplyKind.OK, data)

    # Query ---------------------------------------------------------------------------------------------------------

    def _query(self, batch: Batch, arrival: Arrival, request: QueryWorkflow, loaded: Loaded) -> None:
        state = self._state(request, arrival.shard.shard_id)
        row = self._row(request, loaded)
        number = arrival.sent.number
        if state is not None and (state.is_open or state.last_completed_event_id):
            self._queries.ask(batch, arrival.sender, number, request, state)
        elif state is None and row is not None:
            self._queries.ask_closed(batch, arrival.sender, number, request, row)
        else:
            self._refuse_unknown(batch, arrival, request)


def _take(rows: Sequence[HistoryRow], size: int) -> tuple[list[HistoryRow], bool]:
    """The first rows up to about `size` bytes (at least one), and whether some were left."""
    total = 0
    for index, row in enumerate(rows):
        total += len(row.data)
        if index and total > size:
            return list(rows[:index]), True
    return list(rows), False


def _recent_page(recent: list[HistoryEvent], after_event_id: int) -> HistoryPage:
    """One page of events from memory, from those after an event on, about a megabyte. The next page may have to come
    from the store, should the run be evicted meanwhile."""
    start = bisect_right(recent, after_event_id, key=_event_id)
    step = EVENTS_A_PAGE
    data = encode_records(recent[start : start + step])
    while len(data) > PAGE_BYTES_MAX and step > 1:
        step = max(1, step // 2)
        data = encode_records(recent[start : start + step])
    end = start + step
    return HistoryPage((data,), _token(_Place(0, recent[end].event_id - 1)) if end < len(recent) else b"")


_event_id = attrgetter("event_id")


def _events_after(row: HistoryRow, event_id: int) -> bytes:
    """What a row holds beyond this event, without its annotations."""
    return encode_records([record for record in decode_records(row.data) if record.event_id > event_id])


def _token(place: _Place) -> bytes:
    return pack(tuple(place) if place.run_id else place[:2] if place.event_id else place[:1])


def describe(state: MutableState, now_us: int) -> Description:
    """What an open run looks like from outside, retries included."""
    task = state.workflow_task
    return Description(
        state.namespace,
        state.workflow_id,
        state.run_id,
        state.started.workflow_type,
        state.task_queue,
        state.status,
        state.start_time_us,
        0,
        state.next_event_id - 1,
        state.history_size_bytes,
        state.memo,
        state.search_attributes,
        tuple(
            _describe_activity(activity, now_us)
            for activity in state.activities.values()
            if activity.phase in _PENDING  # the outcome of others is known, though not yet to the workflow
        ),
        PendingWorkflowTask(task.scheduled_time_us, task.attempt, task.last_failure) if task is not None else None,
        state.started.parent,
        tuple(_describe_child(state, child) for child in state.children.values() if child.phase != ChildPhase.RESOLVED),
        state.started.summary,
        state.started.static_details,
    )


def _describe_child(state: MutableState, child: ChildState) -> PendingChild:
    event_id = child.initiated_event_id
    run_id = run_id_for_child(state.run_of(event_id), event_id) if child.phase == ChildPhase.STARTED else ""
    return PendingChild(child.workflow_id, run_id, child.workflow_type, event_id, child.parent_close_policy)


_PENDING = {
    ActivityPhase.SCHEDULED: "SCHEDULED",
    ActivityPhase.STARTED: "STARTED",
    ActivityPhase.CANCEL_REQUESTED: "CANCEL_REQUESTED",
}


def _state_of(activity: ActivityState) -> str:
    if activity.is_parked:
        return "PAUSED"
    if activity.is_paused and activity.phase != ActivityPhase.CANCEL_REQUESTED:
        return "PAUSE_REQUESTED"
    return _PENDING[activity.phase]


def _describe_activity(activity: ActivityState, now_us: int) -> PendingActivity:
    next_us = activity.attempt_scheduled_time_us
    return PendingActivity(
        activity.attributes.activity_id,
        activity.attributes.activity_type,
        _state_of(activity),
        activity.counted_attempt,
        activity.attributes.retry_policy.maximum_attempts,
        activity.scheduled_time_us,
        activity.started_time_us,
        next_us if next_us > now_us and not activity.is_parked else 0,
        activity.worker,
        activity.last_failure,
    )
