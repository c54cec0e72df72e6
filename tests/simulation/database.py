"""The database of a world: that of the in-memory store, watched. What is written only for a while is looked at, and
written down, when it is committed."""

from __future__ import annotations

import asyncio

from perdure.protocol.ids import FIRST_EXECUTION
from perdure.protocol.tasks import TaskKind
from perdure_store.memory import MemoryDatabase
from perdure_store.port import BatchRejected, CommitBatch, ExecutionRow
from tests.simulation.auditor.states import check_snapshot
from tests.simulation.client import POISON
from tests.simulation.ledger import Forgotten, Ledger, TaskWrite


class Database(MemoryDatabase):
    """Refuses some workflows, as a database refuses a value that it cannot keep. Has each snapshot looked at while it
    is there: it goes when its run is closed."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger

    def commit(self, batch: CommitBatch) -> None:
        if any(row.workflow_id.startswith(POISON) for row in batch.executions):
            raise BatchRejected("simulated: this workflow cannot be kept")
        super().commit(batch)
        for snapshot in batch.snapshots:
            if snapshot.data:
                self._ledger.findings.extend(check_snapshot(self, snapshot))
        self._write_down(batch)

    def forget_run(self, row: ExecutionRow) -> None:
        run = (row.shard_id, row.run_id)
        rows, payloads = dict(self.history.get(run, {})), dict(self.payloads.get(run, {}))
        self._ledger.forgotten.append(Forgotten(row, rows, payloads))
        super().forget_run(row)

    def _write_down(self, batch: CommitBatch) -> None:
        """What happens to activities without a workflow: nothing else tells of their course."""
        at_s = asyncio.get_running_loop().time()
        time_us = {advance.shard_id: advance.time_us for advance in batch.shards}
        writes = self._ledger.task_writes
        for row in batch.activities:
            writes.append(TaskWrite(at_s, time_us[row.shard_id], row))
        for entry in (*batch.transfer_inserts, *batch.keyed_inserts):
            if entry.kind == TaskKind.ACTIVITY and entry.event_id >= FIRST_EXECUTION:
                writes.append(TaskWrite(at_s, time_us[entry.shard_id], None, entry))
