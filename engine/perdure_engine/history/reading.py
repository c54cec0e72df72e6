"""Reads: requests that change nothing. What they say leaves with the batch that they came in, once that is durable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from perdure.protocol.events import decode_records
from perdure.protocol.replies import (
    ErrorCode,
    ErrorReply,
    Outcome,
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
from perdure_engine.core.state import MutableState
from perdure_engine.core.workflow_task import abridged, sent_updates
from perdure_engine.history.arrival import Arrival
from perdure_engine.history.batch import Batch
from perdure_engine.history.cache import ExecutionCache
from perdure_engine.history.description import describe, describe_closed
from perdure_engine.history.history_pages import (
    PAGE_BYTES_MAX,
    STRANGE_TOKEN,
    Place,
    place_of,
    read_page,
    recent_page,
)
from perdure_engine.history.loading import Loaded
from perdure_engine.history.queries import Queries
from perdure_engine.history.refusals import Refusals
from perdure_engine.history.waiters import Waiters
from perdure_store.port import ExecutionKey, ExecutionRow, Store


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
            return ReplyKind.OK, await describe_closed(self._store, shard_id, run_id)

        self._later(batch, arrival, answer)

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
                return ReplyKind.ERROR, ErrorReply(ErrorCode.INVALID_ARGUMENT, STRANGE_TOKEN)
            return ReplyKind.OK, await read_page(self._store, shard_id, begun, place, size)

        self._later(batch, arrival, answer)

    async def _is_run_of(self, shard_id: int, run_id: str, request: GetHistory) -> bool:
        """Whether this is, or was, a run of the workflow that the request names."""
        [found] = await self._store.load([ExecutionKey(shard_id, "", "", run_id)])
        wanted = (run_id, request.namespace, request.workflow_id)
        return any((one.row.run_id, one.row.namespace, one.row.workflow_id) == wanted for one in found)

    def _place_after(self, batch: Batch, arrival: Arrival, token: bytes) -> Place | None:
        """The place that a page token names; None if it is not one of ours, which is then answered."""
        place = place_of(token)
        if place is None:
            self._refuse(batch, arrival, STRANGE_TOKEN, ErrorCode.INVALID_ARGUMENT)
        return place

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
            page = recent_page(events, after.event_id)._replace(updates=updates)
            batch.reply(arrival.sender, arrival.sent.number, ReplyKind.OK, page)
            return
        shard_id, run_id = arrival.shard.shard_id, state.run_id
        # The task may be completed before the store is read, by another worker that was handed it too: what came of it
        # must not be shown to this one, which would take it for the past of the task that it is to do.
        last_batch_no = state.batch_no

        async def answer() -> tuple[ReplyKind, Any]:
            page = await read_page(self._store, shard_id, run_id, after, PAGE_BYTES_MAX, last_batch_no)
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
