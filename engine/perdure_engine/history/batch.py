"""One batch: everything that was decided together, on its way to one transaction and then out.

A run that several requests of the batch touch is written once: its records become one history row, and a task or timer
that was made and settled within the batch is never written.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from perdure.protocol.events import HistoryEvent, encode_records
from perdure.protocol.replies import ErrorReply, ReplyKind, encode_replies
from perdure.protocol.requests import SentRequest
from perdure.protocol.tasks import TaskKind, task_member
from perdure_broker.port import Outbox, Publication, StreamKind, TaskStream
from perdure_engine.core.ledger import seal
from perdure_engine.core.snapshot import encode_snapshot
from perdure_engine.core.state import Bug, MutableState
from perdure_engine.core.transition import (
    ClearTimer,
    Close,
    CopyContent,
    Dispatch,
    Effect,
    Keep,
    KeepContent,
    KeepHeartbeat,
    KeepWorker,
    Push,
    Relist,
    Remember,
    Retire,
    Send,
    SetTimer,
    Settle,
    Transition,
    UpdateReached,
    Warn,
)
from perdure_engine.history.activity_cache import CachedActivity
from perdure_engine.history.activity_rows import row_of
from perdure_engine.history.cache import CachedRun
from perdure_engine.history.post import MESSAGE_KIND, Post, pack_message
from perdure_engine.history.routing import Routing
from perdure_engine.history.shard import Shard
from perdure_engine.history.sticky import StickyTask
from perdure_engine.history.task_rows import TaskRows
from perdure_engine.history.windows import Windows
from perdure_engine.outstanding import publication_of, stream_of
from perdure_store.port import (
    CommitBatch,
    ExecutionClose,
    ExecutionRow,
    HistoryRow,
    PayloadCopy,
    PayloadRow,
    RequestResultRow,
    SnapshotRow,
    TimerKey,
    TransferKey,
    TransferRow,
)

logger = logging.getLogger("perdure.engine.batch")

REPLY_BYTES_MAX = 512 * 1024
"""About the size of one reply entry; a larger set of replies to one sender is split."""

RECORDS_A_ROW = 20_000
"""Records of one history row: more than a workflow task can lead to. A reset copies more than that at once."""

VISIBILITY_KIND = 3
"""Kind of the transfer row that stands for a visibility record still to be written."""


class Draft:
    """What a batch does to one run, beside its tasks and timers. `reached` and `unkept` (tasks without a row) are
    seen to when the decision is settled."""

    __slots__ = ("close", "created", "reached", "records", "relisted", "run", "shard", "unkept")

    def __init__(self, shard: Shard, run: CachedRun) -> None:
        self.shard = shard
        self.run = run
        self.records: list[HistoryEvent] = []
        self.close: Close | None = None
        self.created = False
        self.relisted = False
        self.reached: tuple[UpdateReached, ...] = ()
        self.unkept: tuple[Dispatch, ...] = ()


class Batch:
    """A batch under construction. `seal` ends it; then `commit` is what to write and `outbox` what to let out.

    `places` names the requests that were decided (shard, inbox entry, index), and `fired` the timers: one of them is
    guilty if the store refuses the batch. `refused` are its refusals (see `refusals`). `noted` is called as soon as it
    is durable, before anything leaves; `after` when all has left.
    """

    def __init__(self, now_us: int, monotonic: float, windows: Windows, post: Post, routing: Routing) -> None:
        self.now_us = now_us
        self.commit = CommitBatch()
        self.outbox = Outbox()
        self.shards: dict[int, Shard] = {}
        self.ranges: dict[int, int] = {}
        self.drafts: dict[str, Draft] = {}
        self.places: list[tuple[Shard, bytes, int]] = []
        self.fired: list[tuple[Shard, TimerKey]] = []
        self.refused: dict[tuple[str, int], ErrorReply] = {}
        self.noted: list[Callable[[], None]] = []
        self.after: list[Callable[[], Awaitable[None]]] = []
        self.published_rows: dict[str, TransferRow] = {}
        self.sticky: list[StickyTask] = []
        self.visible: list[str] = []
        self._replies: dict[str, list[tuple[int, int, Any]]] = {}
        self.activities: dict[tuple[str, int], CachedActivity] = {}
        self._tasks = TaskRows(now_us, monotonic, windows, self.outbox)
        self._post = post
        self._routing = routing
        self._messages: dict[tuple[str, int, int], tuple[int, Any]] = {}
        self._answers: dict[int, list[Any]] = {}

    @property
    def request_count(self) -> int:
        return len(self.places) + len(self.fired)

    def touch(self, shard: Shard) -> None:
        """The shard has a part in this batch, if only its cursor."""
        self.shards[shard.shard_id] = shard

    # Replies and acks ----------------------------------------------------------------------------------------------

    def reply(self, sender: str, number: int, kind: int, body: Any) -> None:
        rows = self._replies.get(sender)
        if rows is None:
            self._replies[sender] = [(number, kind, body)]
        else:
            rows.append((number, kind, body))

    def reply_to(self, sender: str, sent: SentRequest, transition: Transition) -> None:
        if transition.reply_kind is not None:
            self.reply(sender, sent.number, transition.reply_kind, transition.reply_body)

    def finish(self, stream: bytes, entry_id: bytes, member: str) -> None:
        """A stream entry has served: ack and delete it, and give up its member. Without an entry id there is none any
        more; without a member the claim stays, since the attempt goes on."""
        if not stream:
            return
        found = self.outbox.finished.get(stream)
        if found is None:
            found = self.outbox.finished[stream] = ([], [])
        if entry_id:
            found[0].append(entry_id)
        if member:
            found[1].append(member)

    # Transitions ---------------------------------------------------------------------------------------------------

    def draft(self, shard: Shard, run: CachedRun) -> Draft:
        found = self.drafts.get(run.state.run_id)
        if found is None:
            found = self.drafts[run.state.run_id] = Draft(shard, run)
            run.pins += 1
        return found

    def add(self, shard: Shard, run: CachedRun, transition: Transition) -> Draft:
        """Take in what a decision asks for."""
        draft = self.draft(shard, run)
        if transition.records:
            draft.records.extend(transition.records)
        for effect in transition.effects:
            self._carry_out(shard, run.state, draft, effect)
        return draft

    def _carry_out(self, shard: Shard, state: MutableState, draft: Draft, effect: Effect) -> None:
        if isinstance(effect, Dispatch):
            if self._routing.concerns(state):
                effect = self._routing.direct(state, effect, self.now_us)
            if effect.is_kept:
                self._tasks.dispatch(shard, state.namespace, state.run_id, effect)
            else:
                draft.unkept = (*draft.unkept, effect)
        elif isinstance(effect, Retire):
            self._tasks.retire(shard, state.run_id, effect)
        elif isinstance(effect, SetTimer):
            self._tasks.set_timer(shard, state.run_id, effect)
        elif isinstance(effect, ClearTimer):
            self._tasks.clear_timer(shard, state.run_id, effect)
        elif isinstance(effect, Close):
            draft.close = effect
        elif isinstance(effect, KeepHeartbeat):
            self._tasks.keep_heartbeat(shard, state.run_id, effect)
        elif isinstance(effect, KeepWorker):
            self._tasks.keep_worker(shard, state.run_id, effect)
        elif isinstance(effect, KeepContent):
            rows = [PayloadRow(shard.shard_id, state.run_id, name, data) for name, data in effect.pieces]
            self.commit.payloads.extend(rows)
        elif isinstance(effect, CopyContent):
            copies = [PayloadCopy(shard.shard_id, *effect[:2], state.run_id, name) for name in effect.hashes]
            self.commit.payload_copies.extend(copies)
        elif isinstance(effect, Remember):
            witness = RequestResultRow(shard.shard_id, state.run_id, effect.request_id, self.now_us, b"")
            self.commit.request_results.append(witness)
            draft.run.witnessed[effect.request_id] = 1
        elif isinstance(effect, Push):
            self.reply(effect.worker, 0, ReplyKind.PUSH, effect.message)
        elif isinstance(effect, Relist):
            draft.relisted = True
        elif isinstance(effect, Send):
            self.send(shard, state.namespace, state.run_id, effect.event_id, effect.message)
        elif isinstance(effect, Settle):
            self.settle(shard, state.run_id, effect.event_id)
        elif isinstance(effect, UpdateReached):
            draft.reached = (*draft.reached, effect)
        elif isinstance(effect, Warn):
            logger.warning("Workflow %r (run %s): %s.", state.workflow_id, state.run_id, effect.message)

    def add_activity(self, shard: Shard, entry: CachedActivity, transition: Transition) -> None:
        """Take in what a decision about an activity without a workflow asks for."""
        execution = entry.execution
        run_id = execution.run_id
        key = (run_id, execution.scheduled_event_id)
        if key not in self.activities:
            self.activities[key] = entry
            entry.pins += 1
        tasks = self._tasks
        for effect in transition.effects:
            if isinstance(effect, Dispatch):
                if self._routing.is_used:
                    effect = self._routing.direct_activity(execution, effect)
                entry.is_placed = tasks.dispatch(shard, execution.namespace, run_id, effect)
            elif isinstance(effect, Retire):
                tasks.retire(shard, run_id, effect)
            elif isinstance(effect, Close | Keep):
                entry.must_write = True
            elif isinstance(effect, SetTimer):
                tasks.set_timer(shard, run_id, effect)
            elif isinstance(effect, ClearTimer):
                tasks.clear_timer(shard, run_id, effect)
            elif isinstance(effect, KeepHeartbeat):
                tasks.keep_heartbeat(shard, run_id, effect)
            elif isinstance(effect, KeepWorker):
                tasks.keep_worker(shard, run_id, effect)
            elif isinstance(effect, Push):
                self.reply(effect.worker, 0, ReplyKind.PUSH, effect.message)
            else:
                raise Bug(f"an activity without a workflow asks for {type(effect).__name__}")

    # Messages to other runs ----------------------------------------------------------------------------------------

    def send(self, shard: Shard, namespace: str, run_id: str, event_id: int, message: Any) -> None:
        """A run of this shard sends a message, in place of what the same event has sent before."""
        task = (run_id, MESSAGE_KIND, event_id)
        self.settle(shard, run_id, event_id)
        self._messages[task] = (self._post.shard_of(message), message)
        self._post.unanswered.sent(TransferKey(shard.shard_id, *task), self.now_us)
        self._tasks.inserts[task] = TransferRow(
            shard.shard_id, *task, 1, 0, namespace, "", 0, False, self.now_us, pack_message(message)
        )

    def settle(self, shard: Shard, run_id: str, event_id: int) -> None:
        """A message of this shard is answered: its row goes."""
        task = (run_id, MESSAGE_KIND, event_id)
        self._tasks.inserts.pop(task, None)
        self._messages.pop(task, None)
        self._tasks.deletes[task] = shard.shard_id
        self._post.unanswered.answered(TransferKey(shard.shard_id, *task), self.now_us)
        self.touch(shard)

    def answer(self, shard: Shard, to_shard_id: int, answer: Any) -> None:
        """A message was carried out on this shard, in this batch or before: its sender is told once this is durable."""
        self.touch(shard)
        self._answers.setdefault(to_shard_id, []).append(answer)

    def fire(self, key: TimerKey) -> None:
        """A timer was due: its row goes."""
        self._tasks.fire(key)

    def resend(self, shard: Shard, state: MutableState, event_id: int, attempt: int) -> None:
        """Publish the workflow task that is out once more, to the task queue: its row stays as it is."""
        row = TransferRow(
            shard.shard_id,
            state.run_id,
            TaskKind.WORKFLOW,
            event_id,
            attempt,
            0,
            state.namespace,
            self._routing.workflow_queue(state),
            0,
            False,
            self.now_us,
            b"",
        )
        self.touch(shard)
        publication = publication_of(row)
        self.outbox.publish.setdefault(stream_of(row), []).append(publication)
        self.published_rows[publication.member] = row

    # The end -------------------------------------------------------------------------------------------------------

    def seal(self) -> None:
        """Turn everything into rows. Nothing may be added after this."""
        commit = self.commit
        for draft in self.drafts.values():
            self._seal_draft(draft)
        for entry in self.activities.values():
            if entry.must_write:
                entry.must_write = False
                commit.activities.append(row_of(entry.execution))
        self._tasks.seal(commit)
        for task, (stream, data) in self._tasks.published.items():
            self._publish(self._tasks.inserts[task], stream, data)
        if self._messages or self._answers:
            self._seal_letters()
        for shard in self.shards.values():
            self.ranges[shard.shard_id] = shard.range_id
            commit.shards.append(shard.advance())
        for sender, rows in self._replies.items():
            self.outbox.replies[sender] = _encode_replies(rows)

    def _seal_letters(self) -> None:
        letters = {shard_id: list(answers) for shard_id, answers in self._answers.items()}
        for shard_id, message in self._messages.values():
            letters.setdefault(shard_id, []).append(message)
        self.outbox.inbox_sends = self._post.envelopes(letters)

    def _seal_draft(self, draft: Draft) -> None:
        commit, state, shard_id = self.commit, draft.run.state, draft.shard.shard_id
        records = draft.records
        if state.buffered:
            records.extend(seal(state))
        if records:
            for part in _rows_of(records):
                data = encode_records(part)
                state.batch_no += 1
                state.history_size_bytes += len(data)
                first = part[0].event_id or next((record.event_id for record in part if record.event_id), 0)
                commit.history.append(HistoryRow(shard_id, state.run_id, state.batch_no, first, data))
            if draft.run.wants_snapshot():
                draft.run.snapshot_mark = state.history_size_bytes
                commit.snapshots.append(SnapshotRow(shard_id, state.run_id, state.batch_no, encode_snapshot(state)))
            elif draft.close is not None and draft.run.snapshot_mark:
                # Nobody folds a closed run: an empty snapshot takes the place of the last one.
                commit.snapshots.append(SnapshotRow(shard_id, state.run_id, state.batch_no, b""))
        if draft.created or draft.close is not None:
            self._seal_execution(draft, state, shard_id)

    def _seal_execution(self, draft: Draft, state: MutableState, shard_id: int) -> None:
        close_us = self.now_us if draft.close is not None else 0
        length, size = (state.next_event_id - 1, state.history_size_bytes) if close_us else (0, 0)
        if draft.created:
            self.commit.executions.append(
                ExecutionRow(
                    shard_id,
                    state.run_id,
                    state.namespace,
                    state.workflow_id,
                    state.started.workflow_type,
                    state.task_queue,
                    state.status,
                    state.start_time_us,
                    close_us,
                    length,
                    size,
                )
            )
        elif draft.close is not None:
            self.commit.closes.append(ExecutionClose(shard_id, state.run_id, state.status, close_us, length, size))

    def _publish(self, row: TransferRow, stream: TaskStream, data: bytes) -> None:
        member = task_member(row.run_id, row.event_id, row.attempt)
        publication = Publication(row.shard_id, member, data)
        found = self.outbox.publish.get(stream)
        if found is None:
            self.outbox.publish[stream] = [publication]
        else:
            found.append(publication)
        self.published_rows[member] = row
        if stream.kind == StreamKind.STICKY:
            self.sticky.append(StickyTask(row.shard_id, row.run_id, row.event_id, row.attempt))


def _rows_of(records: list[HistoryEvent]) -> Iterable[list[HistoryEvent]]:
    """What goes into one history row each: nearly always all of it."""
    if len(records) <= RECORDS_A_ROW:
        return (records,)
    return (records[start : start + RECORDS_A_ROW] for start in range(0, len(records), RECORDS_A_ROW))


def _encode_replies(rows: list[tuple[int, int, Any]]) -> list[bytes]:
    data = encode_replies(rows)
    if len(data) <= REPLY_BYTES_MAX or len(rows) == 1:
        return [data]
    middle = len(rows) // 2
    return _encode_replies(rows[:middle]) + _encode_replies(rows[middle:])
