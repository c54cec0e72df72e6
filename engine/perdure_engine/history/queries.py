"""Queries: questions to the instance of a run. They write nothing and are kept in memory only.

A question sees every event that was committed when it arrived: while a workflow task is out it waits for that to be
closed, and is then put to the worker that closed it.
"""

from __future__ import annotations

from perdure.protocol.replies import ErrorCode, ErrorReply, ExecutionStatus, ReplyKind
from perdure.protocol.requests import QueryRejectCondition, QueryWorkflow
from perdure.protocol.tasks import QueryTask, encode_task
from perdure_broker.port import Broker, StreamKind, TaskStream
from perdure_engine.core.state import MutableState
from perdure_engine.history.batch import Batch
from perdure_engine.history.routing import Routing
from perdure_store.port import ExecutionRow

WAITING_MAX = 10_000
"""Questions that may wait in one engine."""


class _Waiting:
    __slots__ = ("number", "request", "sender")

    def __init__(self, sender: str, number: int, request: QueryWorkflow) -> None:
        self.sender = sender
        self.number = number
        self.request = request


class Queries:
    def __init__(self, broker: Broker, routing: Routing) -> None:
        self._broker = broker
        self._routing = routing
        self._waiting: dict[str, dict[tuple[str, int], _Waiting]] = {}
        self._count = 0

    def ask(self, batch: Batch, sender: str, number: int, request: QueryWorkflow, state: MutableState) -> None:
        """A question about a run in memory."""
        if _reject(batch, sender, number, request, state.status):
            return
        if state.workflow_task is None and state.last_completed_event_id:
            self._put(batch, state, _Waiting(sender, number, request))
        elif self._count >= WAITING_MAX:
            message = f"{WAITING_MAX} queries wait already; try again later"
            batch.reply(sender, number, ReplyKind.ERROR, ErrorReply(ErrorCode.RESOURCE_EXHAUSTED, message))
        else:
            waiting = self._waiting.setdefault(state.run_id, {})
            self._count += (sender, number) not in waiting
            waiting[sender, number] = _Waiting(sender, number, request)

    def ask_closed(self, batch: Batch, sender: str, number: int, request: QueryWorkflow, row: ExecutionRow) -> None:
        """A question about a closed run: any worker of the task queue replays it. A worker that the run has left before
        its end may keep an instance; it must not answer, and no instance stands at the event that closed the run."""
        if _reject(batch, sender, number, request, row.status):
            return
        task = QueryTask(
            row.namespace,
            row.workflow_id,
            row.run_id,
            row.workflow_type,
            row.shard_id,
            row.history_length,
            request.query_type,
            request.args,
            request.deadline_us,
            sender,
            number,
            request.headers,
        )
        task_queue = self._routing.queue_of_closed(row.namespace, row.task_queue, row.workflow_id)
        self._send(batch, TaskStream(row.namespace, task_queue, StreamKind.WORKFLOW), "", encode_task(task))

    def task_closed(self, batch: Batch, state: MutableState) -> None:
        """The run has no workflow task out: what waited can be asked."""
        if not self._waiting or not state.last_completed_event_id:
            return
        waiting = self._waiting.pop(state.run_id, None)
        if waiting is not None:
            self._count -= len(waiting)
            for item in waiting.values():
                if item.request.deadline_us > batch.now_us:
                    self._put(batch, state, item)

    def run_closed(self, batch: Batch, state: MutableState) -> None:
        """The run is closed: what waited is asked all the same."""
        self.task_closed(batch, state)

    def forget_expired(self, now_us: int) -> None:
        """Drop what nobody waits for any more."""
        for run_id, waiting in list(self._waiting.items()):
            for key, item in list(waiting.items()):
                if item.request.deadline_us <= now_us:
                    del waiting[key]
                    self._count -= 1
            if not waiting:
                del self._waiting[run_id]

    def _put(self, batch: Batch, state: MutableState, item: _Waiting) -> None:
        request = item.request
        task = QueryTask(
            state.namespace,
            state.workflow_id,
            state.run_id,
            state.started.workflow_type,
            state.shard_id,
            state.last_completed_event_id,
            request.query_type,
            request.args,
            request.deadline_us,
            item.sender,
            item.number,
            request.headers,
        )
        stream = TaskStream(state.namespace, self._routing.answering_queue(state), StreamKind.WORKFLOW)
        self._send(batch, stream, state.sticky_worker, encode_task(task))

    def _send(self, batch: Batch, stream: TaskStream, worker: str, data: bytes) -> None:
        async def send() -> None:
            if worker:
                sticky = stream._replace(kind=StreamKind.STICKY, worker=worker)
                if await self._broker.publish_query(sticky, data):
                    return
            await self._broker.publish_query(stream, data)

        batch.after.append(send)


def _reject(batch: Batch, sender: str, number: int, request: QueryWorkflow, status: int) -> bool:
    condition = request.reject_condition
    open_or_completed = (ExecutionStatus.RUNNING, ExecutionStatus.COMPLETED)
    if condition == QueryRejectCondition.NOT_OPEN:
        rejected = status != ExecutionStatus.RUNNING
    elif condition == QueryRejectCondition.NOT_COMPLETED_CLEANLY:
        rejected = status not in open_or_completed
    else:
        rejected = False
    if rejected:
        message = f"the query was rejected: the workflow's status is {ExecutionStatus(status).name}"
        batch.reply(sender, number, ReplyKind.ERROR, ErrorReply(ErrorCode.QUERY_REJECTED, message))
    return rejected
