"""The auditor: what must be true, judged by requests, replies and the final contents of the store alone."""

from __future__ import annotations

from perdure.protocol.events import EventType, HistoryEvent, decode_records
from perdure.protocol.replies import ExecutionStatus
from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import StreamKind
from perdure_engine.core.fold import begin, fold
from perdure_engine.core.state import MutableState
from perdure_store.memory import MemoryDatabase
from perdure_store.port import ExecutionRow
from tests.simulation.client import POISON
from tests.simulation.ledger import Ledger


def leftovers(database: MemoryDatabase, server: MemoryServer) -> list[str]:
    """What should be gone once every workflow is closed."""
    found = [f"transfer row {row}" for rows in database.transfer.values() for row in rows.values()]
    found += [f"timer row {row}" for rows in database.timers.values() for row in rows.values()]
    for shard_id, inbox in server.inboxes.items():
        if len(inbox):
            found.append(f"{len(inbox)} entries in the inbox of shard {shard_id}")
    for stream, queue in server.queues.items():
        if stream.kind is StreamKind.STICKY and not queue.workers:
            continue  # expires with its worker
        if len(queue.stream) or queue.stream.pending or queue.claimed:
            found.append(
                f"{stream}: {len(queue.stream)} entries, {len(queue.stream.pending)} pending, claimed {queue.claimed}"
            )
        if queue.backlogged:
            found.append(f"{stream} is marked as backlogged")
    return found


def audit(database: MemoryDatabase, ledger: Ledger) -> list[str]:
    """Everything that is wrong; empty if nothing is."""
    wrong = list(ledger.wrong)
    signals: dict[str, int] = {}
    rows = {row.run_id: row for row in database.executions.values()}
    for run_id in ledger.starts.values():
        if run_id not in rows:
            wrong.append(f"the acknowledged run {run_id} does not exist")
    for row in rows.values():
        try:
            events = _audit_history(database, row, wrong)
        except Exception as error:  # whatever is wrong with a history is a finding, not the end of the audit
            wrong.append(f"{row.workflow_id}: the history does not fold: {type(error).__name__}: {error}")
            continue
        _audit_activities(row, events, ledger, wrong)
        for event in events:
            if event.event_type == EventType.WORKFLOW_EXECUTION_SIGNALED:
                request_id = event.attributes.request_id
                signals[request_id] = signals.get(request_id, 0) + 1
        _audit_outcome(database, row, ledger, wrong)
    for request_id in ledger.signals:
        if not signals.get(request_id):
            wrong.append(f"the acknowledged signal {request_id} stands in no history")
    wrong += [
        f"signal {request_id} stands {count} times in history" for request_id, count in signals.items() if count > 1
    ]
    letters = [letter for letter in database.dead_letters.values() if POISON.encode() not in letter.data]
    wrong += [f"dead letter: {reason}" for reason in dict.fromkeys(letter.reason for letter in letters)]
    return wrong


def _audit_history(database: MemoryDatabase, row: ExecutionRow, wrong: list[str]) -> list[HistoryEvent]:
    history = database.history[row.shard_id, row.run_id]
    numbers = sorted(history)
    if numbers != list(range(1, len(numbers) + 1)):
        wrong.append(f"{row.workflow_id}: history rows {numbers}")
    records = [record for number in numbers for record in decode_records(history[number].data)]
    events = [record for record in records if record.event_id]
    if [event.event_id for event in events] != list(range(1, len(events) + 1)):
        wrong.append(f"{row.workflow_id}: event ids {[event.event_id for event in events]}")
    state: MutableState = begin(row.namespace, row.workflow_id, row.run_id, row.shard_id, records[0])
    fold(state, records[1:])
    if state.status != row.status:
        wrong.append(f"{row.workflow_id}: history says status {state.status}, the row {row.status}")
    if row.status != ExecutionStatus.RUNNING and row.history_length != len(events):
        wrong.append(f"{row.workflow_id}: {len(events)} events, the row says {row.history_length}")
    return events


def _audit_activities(row: ExecutionRow, events: list[HistoryEvent], ledger: Ledger, wrong: list[str]) -> None:
    completions: dict[int, int] = {}
    for event in events:
        if event.event_type != EventType.ACTIVITY_TASK_COMPLETED:
            continue
        event_id = event.attributes.scheduled_event_id
        completions[event_id] = completions.get(event_id, 0) + 1
        worker, _, attempt = event.attributes.result.decode().partition(":")
        attempts = [(number, name) for number, name, _ in ledger.attempts.get((row.run_id, event_id), ())]
        if (int(attempt), worker) not in attempts:
            wrong.append(f"{row.workflow_id}: activity {event_id} was completed by {worker}, which never ran it")
    for event_id, count in completions.items():
        if count > 1:
            wrong.append(f"{row.workflow_id}: activity {event_id} has {count} completions")
    for (run_id, event_id), _ in ledger.successes.items():
        if run_id == row.run_id and completions.get(event_id, 0) != 1 and row.status == ExecutionStatus.COMPLETED:
            wrong.append(f"{row.workflow_id}: the acknowledged success of activity {event_id} is not in its history")


def _audit_outcome(database: MemoryDatabase, row: ExecutionRow, ledger: Ledger, wrong: list[str]) -> None:
    outcome = ledger.outcomes.get(row.run_id)
    if outcome is not None and outcome.status != row.status:
        wrong.append(f"{row.workflow_id}: a waiter was told status {outcome.status}, the row says {row.status}")
    visible = database.visibility.get((row.namespace, row.run_id))
    if visible is None:
        wrong.append(f"{row.workflow_id}: not visible")
    elif (visible.status, visible.close_time_us, visible.history_length) != (
        row.status,
        row.close_time_us,
        row.history_length,
    ):
        wrong.append(f"{row.workflow_id}: visible as {visible}, but it is {row}")
