"""What should be gone once every workflow is closed."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from perdure.protocol.replies import ExecutionStatus
from perdure_broker.memory_server import MemoryServer, Queue
from perdure_broker.memory_streams import parse_id
from perdure_broker.port import StreamKind, TaskStream
from perdure_engine.core.schedule.progress import progress_of
from perdure_store.memory import MemoryDatabase
from perdure_store.schedules import NEVER_US, ScheduleRow
from tests.simulation.rules import Finding, Rule

CONSUMER_TTL_MS = 150_000
"""After so long a consumer that reads nothing and holds nothing must have been forgotten (two minutes, and the time
between two looks)."""


def leftovers(database: MemoryDatabase, server: MemoryServer, alive: Collection[str] = ()) -> list[str]:
    """Everything that is left behind.

    Args:
        alive: the processes that may still have a reply stream, a sticky stream, and a consumer.
    """
    found = [f"transfer row {row}" for rows in database.transfer.values() for row in rows.values()]
    found += [f"timer row {row}" for rows in database.timers.values() for row in rows.values()]
    found += [f"workflow {key} is open" for key in database.open_runs]
    found += [f"{row} is open" for row in database.activities.values() if row.status == ExecutionStatus.RUNNING]
    found += [text for row in database.schedules.values() for text in _of_schedule(row)]
    found += [f"the snapshot of {run_id}, which is closed" for _, run_id in database.snapshots]
    for shard_id, inbox in server.inboxes.items():
        if len(inbox):
            found.append(f"{len(inbox)} entries in the inbox of shard {shard_id}")
    if len(server.frontend) or server.frontend.pending:
        found.append(f"the frontend's stream: {len(server.frontend)} entries, {len(server.frontend.pending)} pending")
    for stream in list(server.queues):
        queue = server.queue(stream)
        if queue is not None:
            found += _of_queue(stream, queue, server.now_ms(), alive)
    for sender in list(server.reply_streams):
        if server.replies(sender) is not None and _process(sender) not in alive:
            found.append(f"the reply stream of {sender}, which is gone")
    return found


def _of_schedule(row: ScheduleRow) -> Iterator[str]:
    progress = progress_of(row.progress)
    if row.next_us < NEVER_US:
        yield f"schedule {row.schedule_id} is to be looked at at {row.next_us}"
    if progress.due or progress.starting or progress.ending or progress.backfills:
        yield f"schedule {row.schedule_id} has not done everything: {progress}"


def check_cursors(database: MemoryDatabase, server: MemoryServer) -> Iterator[Finding]:
    """The cursors of shards whose inboxes are empty. Only for a broker that never lost what it held: a replica's inbox
    may have been empty from the start."""
    for shard_id, inbox in server.inboxes.items():
        cursor = database.shards[shard_id].inbox_cursor.encode()
        if not len(inbox) and parse_id(cursor) != parse_id(inbox.last_id):
            text = (
                f"shard {shard_id}: the last entry of its inbox was {inbox.last_id!r}, its cursor stands at {cursor!r}"
            )
            yield Finding(Rule.CURSOR, text)


def _process(sender: str) -> str:
    """The process behind the name of a sender or worker: those of the SDK add a word of their own to it."""
    return sender.partition("/")[0]


def _of_queue(stream: TaskStream, queue: Queue, now_ms: int, alive: Collection[str]) -> Iterator[str]:
    queue.expire_workers(now_ms)
    if stream.kind is StreamKind.STICKY and _process(stream.worker) not in alive:
        if not queue.workers:
            return  # expires with its worker, or is forgotten before
        yield f"{stream} is announced by {list(queue.workers)}, which is gone"
    if len(queue.stream) or queue.stream.pending or queue.claimed:
        yield f"{stream}: {len(queue.stream)} entries, {len(queue.stream.pending)} pending, claimed {queue.claimed}"
    if queue.backlogged:
        yield f"{stream} is marked as backlogged"
    for consumer, seen_ms in queue.stream.consumers.items():
        if _process(consumer) not in alive and now_ms - seen_ms > CONSUMER_TTL_MS:
            yield f"{stream}: consumer {consumer}, which is gone for {now_ms - seen_ms} ms"
