"""Visibility: the rows that lists are made from, written a little later than the runs.

A row of the transfer queue stands for each record that is still to be written. It lingers, so that a run that is over
soon costs one upsert; should the engine die meanwhile, the next owner finds the row and writes the record.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from perdure.protocol.codec import pack, unpack
from perdure.protocol.events import WorkflowExecutionStarted
from perdure.protocol.search_attributes import indexed_attributes
from perdure_engine.core.state import MutableState
from perdure_engine.environment import Environment
from perdure_engine.history.batch import VISIBILITY_KIND, Batch
from perdure_engine.history.shard import Shard
from perdure_store.port import (
    ExecutionRow,
    Store,
    StoreError,
    TransferKey,
    TransferRow,
    VisibilityRow,
)

logger = logging.getLogger("perdure.engine.visibility")

LINGER_S = 0.2
"""Seconds that a record waits for the run to close, so that both ends become one write."""

LINGER_BUSY_S = 1.0
"""The same while many wait: runs take longer then, and a second write of each would make them take longer still."""

ROWS_MAX = 500
RETRY_S = 1.0

_OPENED = 1
"""Version of the first record of a run; that of a later one is the last event that it knows."""


class _Pending:
    """A record to be written; `since` is None until `batch`, which noted it, is durable. `keys`: the transfer rows that
    stand for it. `is_recovered`: it was made of such a row, which may have been deleted since it was read."""

    __slots__ = ("batch", "is_recovered", "keys", "make_row", "run_id", "since", "version")

    def __init__(
        self, key: TransferKey, version: int, make_row: Callable[[], VisibilityRow], batch: Batch | None
    ) -> None:
        self.keys = [key]
        self.run_id = key.run_id
        self.version = version
        self.make_row = make_row
        self.batch = batch
        self.is_recovered = batch is None
        self.since: float | None = None

    def is_older_than(self, key: TransferKey) -> bool:
        """Whether it was made of a row that was written before this one, of the same run."""
        return self.is_recovered and key.event_id > max(known.event_id for known in self.keys)


class VisibilityWriter:
    """Writes visibility rows in the background, and hands back the transfer rows that are done."""

    def __init__(self, store: Store, environment: Environment) -> None:
        self._store = store
        self._environment = environment
        self._pending: dict[str, _Pending] = {}
        self._writing: list[_Pending] = []
        self._done: list[TransferKey] = []

    def __len__(self) -> int:
        return len(self._pending)

    def opened(self, batch: Batch, shard: Shard, state: MutableState) -> None:
        """A run begins in this batch."""
        self._note(batch, shard, state, _OPENED)

    def changed(self, batch: Batch, shard: Shard, state: MutableState) -> None:
        """An open run changes its memo or search attributes in this batch."""
        self._replace(batch, shard, state)

    def closed(self, batch: Batch, shard: Shard, state: MutableState) -> None:
        """A run ends in this batch; if the record of its beginning still waits, its row covers both."""
        waiting = self._pending.get(state.run_id)
        if waiting is None or waiting.is_recovered or _properties(state):
            self._replace(batch, shard, state)
            return
        del self._pending[state.run_id]
        waiting.version = state.next_event_id - 1
        waiting.make_row = partial(_row_of, state, batch.now_us, waiting.version)
        waiting.batch = batch
        waiting.since = None
        self._pending[state.run_id] = waiting
        batch.visible.append(state.run_id)

    def _replace(self, batch: Batch, shard: Shard, state: MutableState) -> None:
        """A record of the run as it is now, in place of one that may wait."""
        waiting = self._pending.pop(state.run_id, None)
        self._note(batch, shard, state, state.next_event_id - 1)
        if waiting is not None:
            self._pending[state.run_id].keys.extend(waiting.keys)

    def _note(self, batch: Batch, shard: Shard, state: MutableState, version: int) -> None:
        key = TransferKey(shard.shard_id, state.run_id, VISIBILITY_KIND, version)
        close_us = 0 if state.is_open else batch.now_us
        self._pending[state.run_id] = _Pending(key, version, partial(_row_of, state, close_us, version), batch)
        batch.visible.append(state.run_id)
        transfer = TransferRow(*key, 1, 0, state.namespace, "", 0, False, batch.now_us, _properties(state))
        batch.commit.transfer_inserts.append(transfer)

    def recover(
        self, key: TransferKey, row: ExecutionRow, started: WorkflowExecutionStarted, properties: bytes = b""
    ) -> None:
        """A record that an earlier owner, or a batch before a rewind, left unwritten. `properties`: what the row that
        stands for it holds."""
        version = row.history_length if row.close_time_us else key.event_id
        memo, search_attributes = unpack(properties) if properties else (started.memo, started.search_attributes)
        visibility = VisibilityRow(
            row.namespace,
            row.run_id,
            row.workflow_id,
            row.workflow_type,
            row.task_queue,
            row.status,
            row.start_time_us,
            row.start_time_us + started.start_delay_ms * 1000,
            row.close_time_us,
            row.history_length,
            row.history_size_bytes,
            memo,
            indexed_attributes(search_attributes),
            *_relatives(started, row.workflow_id, row.run_id),
            version,
        )
        pending = self._pending.get(row.run_id)
        if pending is not None and pending.version >= version and not pending.is_older_than(key):
            # At least as new, and perhaps not durable yet: it keeps its time.
            if key not in pending.keys:
                pending.keys.append(key)
            return
        keys = pending.keys if pending is not None else []
        pending = self._pending[row.run_id] = _Pending(key, version, lambda: visibility, None)
        pending.keys.extend(known for known in keys if known != key)
        pending.since = self._environment.monotonic()

    def ready(self, batch: Batch) -> None:
        """The batch is durable: the time to linger begins for what it noted, unless that was noted anew since."""
        now = self._environment.monotonic()
        for run_id in batch.visible:
            pending = self._pending.get(run_id)
            if pending is not None and pending.batch is batch:
                pending.batch = None
                pending.since = now

    def forget_shards(self, shard_ids: frozenset[int]) -> None:
        """These shards are rewound or lost: what was noted may never have been committed. Their rows tell."""
        for run_id, pending in list(self._pending.items()):
            if pending.keys[0].shard_id in shard_ids:
                del self._pending[run_id]
        # What is being written is no longer ours to call done: by now the row may stand for a newer record.
        self._writing = [pending for pending in self._writing if pending.keys[0].shard_id not in shard_ids]
        self._done = [key for key in self._done if key.shard_id not in shard_ids]

    def has_done(self) -> bool:
        """True if transfer rows wait to be deleted long enough to deserve a batch of their own."""
        return len(self._done) >= ROWS_MAX

    def take_done(self) -> list[TransferKey]:
        """Transfer rows whose record is written: delete them in the next batch."""
        done, self._done = self._done, []
        return done

    async def run(self) -> None:
        """Write what has lingered, for ever."""
        while True:
            now = self._environment.monotonic()
            linger_s = LINGER_S if len(self._pending) < ROWS_MAX else LINGER_BUSY_S
            due: list[_Pending] = []
            for pending in self._pending.values():
                if pending.since is None or now - pending.since < linger_s or len(due) == ROWS_MAX:
                    break
                due.append(pending)
            if not due:
                await self._environment.sleep(LINGER_S / 2)
                continue
            for pending in due:
                self._pending.pop(pending.run_id, None)
            self._writing = due
            try:
                await self._store.upsert_visibility([pending.make_row() for pending in due])
            except StoreError as error:
                logger.warning("visibility rows wait: %s", error)
                for pending in self._writing:
                    newer = self._pending.setdefault(pending.run_id, pending)
                    if newer is not pending:
                        newer.keys.extend(pending.keys)
                await self._environment.sleep(RETRY_S)
                continue
            self._done.extend(key for pending in self._writing for key in pending.keys)


def _properties(state: MutableState) -> bytes:
    """Memo and search attributes for the row that stands for a record, where the first event does not tell them."""
    started = state.started
    if state.memo == started.memo and state.search_attributes == started.search_attributes:
        return b""
    return pack((state.memo, state.search_attributes))


def _row_of(state: MutableState, close_us: int, version: int) -> VisibilityRow:
    started = state.started
    return VisibilityRow(
        state.namespace,
        state.run_id,
        state.workflow_id,
        started.workflow_type,
        started.task_queue,
        state.status,
        state.start_time_us,
        state.start_time_us + started.start_delay_ms * 1000,
        close_us,
        state.next_event_id - 1 if close_us else 0,
        state.history_size_bytes if close_us else 0,
        state.memo,
        indexed_attributes(state.search_attributes),
        *_relatives(state.started, state.workflow_id, state.run_id),
        version,
    )


def _relatives(started: WorkflowExecutionStarted, workflow_id: str, run_id: str) -> tuple[str, str, str, str]:
    """The ids of the parent (empty without one) and of the root, which may be the run itself."""
    parent = started.parent
    if parent is None:
        return "", "", workflow_id, run_id
    return parent.workflow_id, parent.run_id, parent.root_workflow_id, parent.root_run_id
