"""Recovery: what an earlier owner, or a lost stream, left undone. Streams are a projection of the outstanding rows."""

from __future__ import annotations

import logging
from collections.abc import Callable

from perdure.protocol.tasks import TaskKind, task_member
from perdure_broker.port import Broker, Outbox, Publication, StreamKind, TaskStream
from perdure_engine.history.batch import VISIBILITY_KIND
from perdure_engine.history.visibility import VisibilityWriter
from perdure_store.port import ExecutionKey, Store, TransferKey, TransferRow

logger = logging.getLogger("perdure.engine.recovery")

PAGE = 2_000


class Repair:
    """Publications that are missing from their streams, with what the releaser needs to follow up."""

    def __init__(self) -> None:
        self.outbox = Outbox()
        self.fallbacks: dict[str, tuple[TaskStream, bytes, TransferKey]] = {}

    def __len__(self) -> int:
        return len(self.fallbacks)


class Recovery:
    def __init__(self, store: Store, broker: Broker, visibility: VisibilityWriter) -> None:
        self._store = store
        self._broker = broker
        self._visibility = visibility

    async def missing(
        self, shard_id: int, *, older_than_us: int, is_current: Callable[[TransferRow], bool]
    ) -> list[Repair]:
        """The outstanding tasks of a shard that stand in no stream, page by page.

        Args:
            older_than_us: leave alone what was created later: it is on its way.
            is_current: False for a row that is being settled right now.
        """
        repairs = []
        after: TransferKey | None = None
        while True:
            rows = await self._store.outstanding(shard_id, after=after, limit=PAGE)
            repair = Repair()
            await self._add_missing(
                repair, [row for row in rows if row.created_us <= older_than_us and is_current(row)]
            )
            if len(repair):
                repairs.append(repair)
            if len(rows) < PAGE:
                return repairs
            after = TransferKey(rows[-1].shard_id, rows[-1].run_id, rows[-1].kind, rows[-1].event_id)

    async def _add_missing(self, repair: Repair, rows: list[TransferRow]) -> None:
        streams: dict[TaskStream, list[TransferRow]] = {}
        records: list[TransferRow] = []
        for row in rows:
            if row.kind == VISIBILITY_KIND:
                records.append(row)
            elif row.backlog:
                kind = StreamKind.WORKFLOW if row.kind == TaskKind.WORKFLOW else StreamKind.ACTIVITY
                repair.outbox.backlogged.add(TaskStream(row.namespace, row.task_queue, kind))
            else:
                kind = StreamKind.WORKFLOW if row.kind == TaskKind.WORKFLOW else StreamKind.ACTIVITY
                streams.setdefault(TaskStream(row.namespace, row.task_queue, kind), []).append(row)
        if records:
            await self._recover_visibility(records)
        for stream, found in streams.items():
            members = [task_member(row.run_id, row.event_id, row.attempt) for row in found]
            claimed = await self._broker.published(stream, members)
            for row, member, is_claimed in zip(found, members, claimed, strict=True):
                if not is_claimed:
                    publication = Publication(row.shard_id, member, row.data)
                    repair.outbox.publish.setdefault(stream, []).append(publication)
                    key = TransferKey(row.shard_id, row.run_id, row.kind, row.event_id)
                    repair.fallbacks[member] = (stream, row.data, key)

    async def _recover_visibility(self, rows: list[TransferRow]) -> None:
        keys = [ExecutionKey(row.shard_id, "", "", row.run_id) for row in rows]
        for row, found in zip(rows, await self._store.load(keys), strict=True):
            key = TransferKey(row.shard_id, row.run_id, row.kind, row.event_id)
            for execution in found:
                if execution.row.run_id == row.run_id:
                    self._visibility.recover(key, execution.row)
