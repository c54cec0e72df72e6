"""The rows of the store: what a batch writes, and what a load brings.

NamedTuples whose fields are the columns, in order, so that a batch turns into one multi-row statement a table. Times
are integer microseconds since 1970 UTC (`_us`). Bytes are the engine's own; no row is read for what it means.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class ShardRow(NamedTuple):
    """`inbox_epoch` and `inbox_cursor` name the last inbox entry whose effects are committed. `time_us` is the shard's
    own time, which never goes back. `next_task_id` orders the shard's backlog."""

    shard_id: int
    range_id: int
    owner: str
    commit_seq: int
    inbox_epoch: str
    inbox_cursor: str
    next_task_id: int
    time_us: int


class ShardAdvance(NamedTuple):
    """One shard's part in a batch: the fence (`range_id`, `commit_seq` before the batch), and what it becomes."""

    shard_id: int
    range_id: int
    commit_seq: int
    inbox_epoch: str
    inbox_cursor: str
    next_task_id: int
    time_us: int


class ExecutionRow(NamedTuple):
    """One run. `status` is `ExecutionStatus`; 1 is open. `close_time_us` is 0 while open. `history_length` and
    `history_size_bytes` are final at the close and 0 before."""

    shard_id: int
    run_id: str
    namespace: str
    workflow_id: str
    workflow_type: str
    task_queue: str
    status: int
    start_time_us: int
    close_time_us: int = 0
    history_length: int = 0
    history_size_bytes: int = 0


class ExecutionClose(NamedTuple):
    shard_id: int
    run_id: str
    status: int
    close_time_us: int
    history_length: int
    history_size_bytes: int


class HistoryRow(NamedTuple):
    """The records that one batch appended to one run. `batch_no` counts from 1 a run."""

    shard_id: int
    run_id: str
    batch_no: int
    first_event_id: int
    data: bytes


class SnapshotRow(NamedTuple):
    """The mutable state after history row `batch_no`; a later one replaces it. The store may keep `data` in chunks."""

    shard_id: int
    run_id: str
    batch_no: int
    data: bytes


class PayloadRow(NamedTuple):
    """A piece of the data of one run, under the hash of its content. Key: the first three fields; a second one is
    ignored. At most 512 KiB."""

    shard_id: int
    run_id: str
    hash: bytes
    data: bytes


class PayloadCopy(NamedTuple):
    """A piece of the data of one run that another run is to have too."""

    shard_id: int
    from_shard_id: int
    from_run_id: str
    run_id: str
    hash: bytes


class TransferKey(NamedTuple):
    shard_id: int
    run_id: str
    kind: int
    event_id: int


class TransferRow(NamedTuple):
    """An outstanding task: it lives until it is finished. Key: the first four fields. `kind` 1 workflow task,
    2 activity task, 3 visibility. `backlog` True: not yet handed to a stream; it waits for the queue's dispatcher,
    in order of `priority` (1 first), then `task_id` within a shard. `data` is the stream entry, or empty where it is
    made from the execution. `worker` has reported to run the attempt; a new row has none.

    The last three say whose turn it is within a priority (`flow`): the key, its weight in thousandths, and what the
    task costs. Only `CommitBatch.keyed_inserts` writes them, and only `Flow.keyed_backlog` reads them."""

    shard_id: int
    run_id: str
    kind: int
    event_id: int
    attempt: int
    task_id: int
    namespace: str
    task_queue: str
    priority: int
    backlog: bool
    created_us: int
    data: bytes
    heartbeat: bytes = b""
    worker: str = ""
    fairness_key: str = ""
    fairness_weight: int = 1000
    cost: int = 1


class BacklogRow(NamedTuple):
    """A task that no stream took. Key: the first four fields. `task_id` replaces that of the task: a dispatcher reads
    by rising task ids, and what becomes backlog must not lie behind it."""

    shard_id: int
    run_id: str
    kind: int
    event_id: int
    task_id: int


class TimerKey(NamedTuple):
    shard_id: int
    fire_at_us: int
    run_id: str
    kind: int
    event_id: int


class TimerRow(NamedTuple):
    """Due at `fire_at_us` of the shard's time. Key: the first five fields. `attempt` tells apart what a retry made
    stale."""

    shard_id: int
    fire_at_us: int
    run_id: str
    kind: int
    event_id: int
    attempt: int = 0


class HeartbeatRow(NamedTuple):
    shard_id: int
    run_id: str
    kind: int
    event_id: int
    heartbeat: bytes


class WorkerRow(NamedTuple):
    """A worker reported that it runs this attempt of a task: it is no backlog any more."""

    shard_id: int
    run_id: str
    kind: int
    event_id: int
    attempt: int
    worker: str


class RequestResultRow(NamedTuple):
    """The witness that a request took effect on a run. Key: the first three fields; a second one is ignored."""

    shard_id: int
    run_id: str
    request_id: str
    created_us: int
    data: bytes


class DeadLetterRow(NamedTuple):
    """A request or entry that could not be carried out, with the reason. Key: shard and `letter_id` (a UUID)."""

    shard_id: int
    letter_id: str
    created_us: int
    source: str
    reason: str
    data: bytes


class VisibilityRow(NamedTuple):
    """`version` rises with each write of a run; a write with a lower or equal one is ignored."""

    namespace: str
    run_id: str
    workflow_id: str
    workflow_type: str
    task_queue: str
    status: int
    start_time_us: int
    execution_time_us: int
    close_time_us: int
    history_length: int
    history_size_bytes: int
    memo: bytes
    search_attributes: str
    parent_workflow_id: str
    parent_run_id: str
    root_workflow_id: str
    root_run_id: str
    version: int


class ActivityExecutionRow(NamedTuple):
    """One execution. Key: the first three fields; a later row of the same key replaces it. `status` is that of a run; 1
    is open. `close_time_us` is 0 while open, `expires_us` 0 where the namespace says how long it is kept,
    below 0 (negated) where it is kept until then in any case.
    `search_attributes` is JSON, empty without any; `data` is the engine's own."""

    shard_id: int
    run_id: str
    number: int
    namespace: str
    activity_id: str
    activity_type: str
    task_queue: str
    status: int
    attempt: int
    scheduled_us: int
    close_time_us: int
    expires_us: int
    request_id: str
    search_attributes: str
    data: bytes


class ActivityKey(NamedTuple):
    """An execution by its number, or (0) the last one of its activity id. With `request_id`: that of this request, too,
    if its number is not below `since`."""

    shard_id: int
    run_id: str
    number: int = 0
    request_id: str = ""
    since: int = 0


class LoadedActivity(NamedTuple):
    """What there is of an activity id: the row that was asked for, the one of the request, and the task that is
    outstanding, of whichever number."""

    row: ActivityExecutionRow | None
    requested: ActivityExecutionRow | None
    task: TransferRow | None


@dataclass(slots=True)
class CommitBatch:
    """All that one group commit writes. `keyed_inserts`: those of the new tasks whose turn depends on more than their
    priority; the others are spared the columns."""

    shards: list[ShardAdvance] = field(default_factory=list)
    closes: list[ExecutionClose] = field(default_factory=list)
    executions: list[ExecutionRow] = field(default_factory=list)
    history: list[HistoryRow] = field(default_factory=list)
    snapshots: list[SnapshotRow] = field(default_factory=list)
    transfer_deletes: list[TransferKey] = field(default_factory=list)
    transfer_inserts: list[TransferRow] = field(default_factory=list)
    keyed_inserts: list[TransferRow] = field(default_factory=list)
    transfer_backlogs: list[BacklogRow] = field(default_factory=list)
    heartbeats: list[HeartbeatRow] = field(default_factory=list)
    workers: list[WorkerRow] = field(default_factory=list)
    timer_deletes: list[TimerKey] = field(default_factory=list)
    timer_inserts: list[TimerRow] = field(default_factory=list)
    request_results: list[RequestResultRow] = field(default_factory=list)
    dead_letters: list[DeadLetterRow] = field(default_factory=list)
    payloads: list[PayloadRow] = field(default_factory=list)
    payload_copies: list[PayloadCopy] = field(default_factory=list)
    activities: list[ActivityExecutionRow] = field(default_factory=list)


class ExecutionKey(NamedTuple):
    """What a request names: a run id, or (empty `run_id`) a workflow id: its open run, else the last closed one.
    `candidate_run_id`: the run that this start would create; its row is wanted too, if it exists."""

    shard_id: int
    namespace: str
    workflow_id: str
    run_id: str = ""
    candidate_run_id: str = ""


class LoadedExecution(NamedTuple):
    """A run. Snapshot, history after it, and heartbeats are loaded only for open runs (`snapshot` `b""`: none)."""

    row: ExecutionRow
    snapshot: bytes
    snapshot_batch_no: int
    history: tuple[HistoryRow, ...]
    heartbeats: tuple[HeartbeatRow, ...]
    request_ids: tuple[str, ...]


class ExpiredRun(NamedTuple):
    """A closed run that nobody has to keep any longer. `history_length`: how much goes with it."""

    run_id: str
    history_length: int
