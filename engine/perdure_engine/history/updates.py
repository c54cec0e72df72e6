"""Updates: those who wait for one, and what is sent to workers for their sake alone.

Role: tells waiters how far an update has come, when that is durable; answers for updates that were completed, from the
history; hands speculative workflow tasks to the broker. Waiters are in memory: they say again that they wait.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from perdure.protocol.events import HistoryEvent, decode_records
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind, encode_replies
from perdure.protocol.updates import (
    AwaitUpdate,
    UpdateReply,
    UpdateStage,
    UpdateWorkflow,
    WorkflowExecutionUpdateAccepted,
    WorkflowExecutionUpdateCompleted,
)
from perdure_broker.port import Broker, StreamKind, TaskStream
from perdure_engine.core.state import MutableState, UpdatePhase
from perdure_engine.core.transition import Dispatch, UpdateReached
from perdure_engine.core.update import ABANDONED
from perdure_engine.history.arrival import Arrival
from perdure_engine.history.batch import Batch, Draft
from perdure_engine.history.sticky import StickyTask
from perdure_store.port import Store

ROWS_A_READ = 200

Waiters = dict[tuple[str, int], int]
"""The stage that each sender and request number waits for."""


class Updates:
    def __init__(self, store: Store, broker: Broker) -> None:
        self._store = store
        self._broker = broker
        self._waiting: dict[str, dict[str, Waiters]] = {}
        self._runs: dict[int, dict[str, int]] = {}

    def __len__(self) -> int:
        return sum(len(waiters) for run in self._waiting.values() for waiters in run.values())

    # Asking --------------------------------------------------------------------------------------------------------

    def is_completed(self, state: MutableState, update_id: str) -> bool:
        known = state.updates.get(update_id)
        return known is not None and known.phase == UpdatePhase.COMPLETED

    def tell_completed(self, batch: Batch, arrival: Arrival, state: MutableState, update_id: str) -> None:
        """Answer for an update of an open run from its history."""
        batch_no = state.updates[update_id].completed_batch_no
        shard_id, run_id = state.shard_id, state.run_id

        async def answer() -> tuple[ReplyKind, Any]:
            rows = await self._store.read_history(shard_id, run_id, after_batch_no=batch_no - 1, limit=1)
            found = _completed(decode_records(rows[0].data), update_id)
            if found is None:
                message = f"the outcome of update {update_id!r} is not where it should be"
                return ReplyKind.ERROR, ErrorReply(ErrorCode.UNAVAILABLE, message)
            return ReplyKind.OUTCOME, _reply(run_id, found)

        self._later(batch, arrival, answer)

    def tell_closed(self, batch: Batch, arrival: Arrival, request: UpdateWorkflow | AwaitUpdate, run_id: str) -> None:
        """Answer for an update of a closed run from its history."""
        shard_id, update_id, workflow_id = arrival.shard.shard_id, request.update_id, request.workflow_id

        async def answer() -> tuple[ReplyKind, Any]:
            is_accepted = False
            after = 0
            while rows := await self._store.read_history(shard_id, run_id, after_batch_no=after, limit=ROWS_A_READ):
                for row in rows:
                    records = decode_records(row.data)
                    found = _completed(records, update_id)
                    if found is not None:
                        return ReplyKind.OUTCOME, _reply(run_id, found)
                    is_accepted = is_accepted or _is_accepted(records, update_id)
                after = rows[-1].batch_no
            if is_accepted:
                return ReplyKind.OUTCOME, UpdateReply(run_id, UpdateStage.COMPLETED, b"", ABANDONED)
            message = f"workflow {workflow_id!r} is closed already, and never took in an update {update_id!r}"
            return ReplyKind.ERROR, ErrorReply(ErrorCode.NOT_FOUND, message, run_id)

        self._later(batch, arrival, answer)

    def wait(self, state: MutableState, arrival: Arrival, request: UpdateWorkflow | AwaitUpdate) -> None:
        """Somebody waits for an update to reach a stage."""
        run = self._waiting.get(state.run_id)
        if run is None:
            run = self._waiting[state.run_id] = {}
            self._runs.setdefault(state.shard_id, {})[state.run_id] = 1
        run.setdefault(request.update_id, {})[arrival.sender, arrival.sent.number] = request.wait_stage

    def ask(self, batch: Batch, arrival: Arrival, state: MutableState, request: AwaitUpdate) -> None:
        """Where an update of an open run stands, now or when it has come to the stage that is waited for."""
        update_id, sender, number = request.update_id, arrival.sender, arrival.sent.number
        if self.is_completed(state, update_id):
            self.tell_completed(batch, arrival, state, update_id)
        elif update_id in state.updates and request.wait_stage <= UpdateStage.ACCEPTED:
            batch.reply(sender, number, ReplyKind.OUTCOME, UpdateReply(state.run_id, UpdateStage.ACCEPTED))
        elif update_id in state.updates or update_id in state.admitted:
            stage = UpdateStage.ACCEPTED if update_id in state.updates else UpdateStage.ADMITTED
            self.wait(state, arrival, request)
            batch.reply(sender, number, ReplyKind.REGISTERED, UpdateReply(state.run_id, stage))
        else:
            message = f"workflow {state.workflow_id!r} knows no update {update_id!r}; it was rejected, or never sent"
            batch.reply(sender, number, ReplyKind.ERROR, ErrorReply(ErrorCode.NOT_FOUND, message, state.run_id))

    def drop_shard(self, shard_id: int) -> None:
        """The shard has another owner, whom its waiters will ask."""
        for run_id in self._runs.pop(shard_id, ()):
            self._waiting.pop(run_id, None)

    # After each decision -------------------------------------------------------------------------------------------

    def settle(self, batch: Batch, draft: Draft, state: MutableState) -> None:
        """See to what the decision has brought: news for those who wait, and tasks that are no rows."""
        reached, draft.reached = draft.reached, ()
        unkept, draft.unkept = draft.unkept, ()
        for effect in reached:
            self._tell(batch, state, effect)
        for dispatch in unkept:
            self._send(batch, state, dispatch)

    def run_closed(self, state: MutableState) -> None:
        """Whoever has not been told by now gets what they wait for from another run."""
        if self._waiting.pop(state.run_id, None) is not None:
            self._runs[state.shard_id].pop(state.run_id, None)

    def _tell(self, batch: Batch, state: MutableState, effect: UpdateReached) -> None:
        run = self._waiting.get(state.run_id)
        waiters = None if run is None else run.get(effect.update_id)
        if run is None or waiters is None:
            return
        reply = UpdateReply(state.run_id, effect.stage, effect.result, effect.failure)
        for (sender, number), wanted in list(waiters.items()):
            if effect.refusal is not None:
                batch.reply(sender, number, ReplyKind.ERROR, effect.refusal)
            elif effect.stage >= wanted:
                batch.reply(sender, number, ReplyKind.OUTCOME, reply)
            else:
                batch.reply(sender, number, ReplyKind.REGISTERED, reply)
                continue
            del waiters[sender, number]
        if not waiters:
            del run[effect.update_id]
        if not run:
            del self._waiting[state.run_id]
            self._runs[state.shard_id].pop(state.run_id, None)

    def _send(self, batch: Batch, state: MutableState, dispatch: Dispatch) -> None:
        """Publish a task without a row, when the batch is durable. Nothing is lost with it."""
        stream = TaskStream(state.namespace, dispatch.task_queue, StreamKind.WORKFLOW)
        if dispatch.worker:
            batch.sticky.append(StickyTask(state.shard_id, state.run_id, dispatch.event_id, dispatch.attempt))

        async def send() -> None:
            if dispatch.worker:
                sticky = stream._replace(kind=StreamKind.STICKY, worker=dispatch.worker)
                if await self._broker.publish_query(sticky, dispatch.data):
                    return
            await self._broker.publish_query(stream, dispatch.data)

        batch.after.append(send)

    def _later(self, batch: Batch, arrival: Arrival, answer: Any) -> None:
        sender, number = arrival.sender, arrival.sent.number

        async def reply() -> None:
            kind, body = await answer()
            await self._broker.reply(sender, encode_replies([(number, kind, body)]))

        batch.after.append(reply)


def _completed(records: Iterable[HistoryEvent], update_id: str) -> WorkflowExecutionUpdateCompleted | None:
    for record in records:
        attributes = record.attributes
        if isinstance(attributes, WorkflowExecutionUpdateCompleted) and attributes.update_id == update_id:
            return attributes
    return None


def _is_accepted(records: Iterable[HistoryEvent], update_id: str) -> bool:
    return any(
        isinstance(record.attributes, WorkflowExecutionUpdateAccepted)
        and record.attributes.protocol_instance_id == update_id
        for record in records
    )


def _reply(run_id: str, completed: WorkflowExecutionUpdateCompleted) -> UpdateReply:
    return UpdateReply(run_id, UpdateStage.COMPLETED, completed.result, completed.failure)
