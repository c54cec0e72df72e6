"""Recovery: what an earlier owner, or a lost stream, left undone. Streams are a projection of the outstanding rows."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Container
from typing import Any, NamedTuple

from perdure.protocol.codec import DecodeError
from perdure.protocol.events import WorkflowExecutionStarted, decode_records
from perdure.protocol.ids import FIRST_EXECUTION
from perdure.protocol.tasks import TaskKind
from perdure_broker.port import Broker, Outbox, TaskStream
from perdure_engine.core.state import ActivityPhase, ActivityState
from perdure_engine.core.transition import DETACHED
from perdure_engine.history.batch import VISIBILITY_KIND
from perdure_engine.history.cache import ExecutionCache
from perdure_engine.history.post import MESSAGE_KIND, Post, unpack_message
from perdure_engine.history.visibility import VisibilityWriter
from perdure_engine.outstanding import key_of, member_of, publication_of, stream_of
from perdure_store.port import ExecutionKey, Store, TransferKey, TransferRow

logger = logging.getLogger("perdure.engine.recovery")

PAGE = 2_000

_NO_TASKS = (VISIBILITY_KIND, MESSAGE_KIND)


class Repair(NamedTuple):
    """What is to be published, with what the releaser needs to follow up. `running`: what a worker reported to run, and
    is not published: their rows name it."""

    outbox: Outbox
    rows: dict[str, TransferRow]
    running: list[TransferRow]


class Recovery:
    def __init__(
        self, store: Store, broker: Broker, cache: ExecutionCache, visibility: VisibilityWriter, post: Post
    ) -> None:
        self._store = store
        self._broker = broker
        self._cache = cache
        self._visibility = visibility
        self._post = post

    async def missing(self, shard_id: int, *, older_than_us: int) -> AsyncIterator[list[TransferRow]]:
        """The outstanding tasks of a shard that stand in no stream, and its messages that were not answered, page by
        page. Visibility records that were left behind are taken over on the way.

        Args:
            older_than_us: leave alone what was created later: it is on its way.
        """
        after: TransferKey | None = None
        while True:
            rows = await self._store.outstanding(shard_id, after=after, limit=PAGE)
            old = [row for row in rows if row.created_us <= older_than_us]
            records = [row for row in old if row.kind == VISIBILITY_KIND]
            if records:
                await self._recover_visibility(records)
            messages = [row for row in old if row.kind == MESSAGE_KIND]
            tasks = await self._unpublished([row for row in old if row.kind not in _NO_TASKS])
            if tasks or messages:
                yield [*tasks, *messages]
            if len(rows) < PAGE:
                return
            after = key_of(rows[-1])

    async def overdue(self, now_us: int, shard_ids: Container[int]) -> list[TransferRow]:
        """Messages of these shards that may be lost. They are taken for sent again."""
        unanswered = self._post.unanswered
        keys = unanswered.take_overdue(now_us)
        rows = await self._store.transfer_rows(keys) if keys else []
        ours = [row for row in rows if row.shard_id in shard_ids]
        unanswered.forget(set(keys) - {key_of(row) for row in ours})
        return ours

    async def wait_unanswered(self) -> None:
        """Return when there are messages without an answer."""
        self._post.unanswered.rest()
        await self._post.unanswered.some.wait()

    def prepare(self, rows: list[TransferRow], *, with_activities: bool = True) -> Repair:
        """Publications for those of `rows` that memory does not know to be over, and that no worker reported to run.
        Rows of the backlog are left to their dispatcher, which is told. Release it without a pause: what is right now
        may be over after the next batch.

        Args:
            with_activities: False leaves activities for later, but for those of which is known that they run.
        """
        repair = Repair(Outbox(), {}, [])
        messages = [row for row in rows if row.kind == MESSAGE_KIND]
        if messages:
            repair.outbox.inbox_sends = self._post.envelopes(self._letters(messages))
        for row in rows:
            if row.kind == MESSAGE_KIND or not self._is_current(row):
                continue
            worker = row.worker or self._reported_by(row)
            if worker == DETACHED:
                continue
            if worker:
                repair.running.append(row._replace(worker=worker))
                continue
            stream = stream_of(row)
            if row.backlog:
                repair.outbox.backlogged.add(stream)
                continue
            if row.kind == TaskKind.ACTIVITY and not with_activities:
                continue
            publication = publication_of(row)
            repair.outbox.publish.setdefault(stream, []).append(publication)
            repair.rows[publication.member] = row
        return repair

    def _letters(self, rows: list[TransferRow]) -> dict[int, list[Any]]:
        letters: dict[int, list[Any]] = {}
        for row in rows:
            try:
                message = unpack_message(row.data)
            except DecodeError as error:
                logger.error(
                    "event %d of run %s sent a message that is not readable: %s", row.event_id, row.run_id, error
                )
                continue
            letters.setdefault(self._post.shard_of(message), []).append(message)
        return letters

    async def _unpublished(self, rows: list[TransferRow]) -> list[TransferRow]:
        streams: dict[TaskStream, list[TransferRow]] = {}
        for row in rows:
            if self._is_current(row):
                streams.setdefault(stream_of(row), []).append(row)
        found: list[TransferRow] = []
        for stream, waiting in streams.items():
            claimed = await self._broker.published(stream, [member_of(row) for row in waiting])
            found.extend(row for row, is_claimed in zip(waiting, claimed, strict=True) if not is_claimed)
        if not found:
            return []
        # A task that was finished since the rows were read is not claimed either; its row is gone by now. One that was
        # reported to run since then says so.
        attempts = {(key_of(row), row.attempt): 1 for row in found}
        still = await self._store.transfer_rows([key_of(row) for row in found])
        return [row for row in still if (key_of(row), row.attempt) in attempts]

    def _is_current(self, row: TransferRow) -> bool:
        """False if memory knows that this row is about to go."""
        if row.event_id >= FIRST_EXECUTION:
            entry = self._cache.activities.get(row.run_id)
            if entry is None:
                return True
            execution = entry.execution
            return execution.outcome is None and (execution.number, execution.attempt) == (row.event_id, row.attempt)
        run = self._cache.get(row.run_id)
        if run is None:
            return True
        state = run.state
        if not state.is_open:
            return False
        if row.kind == TaskKind.WORKFLOW:
            task = state.workflow_task
            return task is not None and (state.workflow_task_id(), task.attempt) == (row.event_id, row.attempt)
        activity = state.activities.get(row.event_id)
        return activity is not None and activity.phase != ActivityPhase.RESOLVED and activity.attempt == row.attempt

    def _reported_by(self, row: TransferRow) -> str:
        """The worker that reported to run this attempt, or let go of it, as memory knows it: it may be ahead of the
        row."""
        activity: ActivityState | None
        if row.event_id >= FIRST_EXECUTION:
            entry = self._cache.activities.get(row.run_id)
            activity = entry.execution if entry is not None else None
        else:
            run = self._cache.get(row.run_id)
            activity = run.state.activities.get(row.event_id) if run is not None else None
        if activity is None or row.kind != TaskKind.ACTIVITY:
            return ""
        return DETACHED if activity.is_detached else activity.worker

    async def _recover_visibility(self, rows: list[TransferRow]) -> None:
        keys = [ExecutionKey(row.shard_id, "", "", row.run_id) for row in rows]
        for row, found in zip(rows, await self._store.load(keys), strict=True):
            for execution in found:
                if execution.row.run_id == row.run_id:
                    self._visibility.recover(key_of(row), execution.row, await self._started(row), row.data)

    async def _started(self, row: TransferRow) -> WorkflowExecutionStarted:
        """How the run was started: what its own row does not hold."""
        history = await self._store.read_history(row.shard_id, row.run_id, limit=1)
        try:
            started: WorkflowExecutionStarted = decode_records(history[0].data)[0].attributes
        except (DecodeError, IndexError) as error:
            logger.error("run %s is listed without its memo, its history is broken: %s", row.run_id, error)
            return WorkflowExecutionStarted("", "")
        return started
