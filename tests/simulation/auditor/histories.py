"""Rules about what the store holds of a run: its rows, its history, its snapshot, its own row, its place in lists."""

from __future__ import annotations

from collections.abc import Iterator

from perdure.protocol.events import EventType
from perdure.protocol.replies import ExecutionStatus
from perdure_store.port import VisibilityRow
from tests.legality import violations
from tests.simulation.auditor.content import check_content, size_of_content
from tests.simulation.auditor.evidence import Evidence
from tests.simulation.auditor.states import check_snapshot, folded
from tests.simulation.client import POISON
from tests.simulation.rules import Finding, Rule

_STATUS = {
    EventType.WORKFLOW_EXECUTION_COMPLETED: ExecutionStatus.COMPLETED,
    EventType.WORKFLOW_EXECUTION_FAILED: ExecutionStatus.FAILED,
    EventType.WORKFLOW_EXECUTION_TIMED_OUT: ExecutionStatus.TIMED_OUT,
    EventType.WORKFLOW_EXECUTION_CANCELED: ExecutionStatus.CANCELED,
    EventType.WORKFLOW_EXECUTION_TERMINATED: ExecutionStatus.TERMINATED,
    EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW: ExecutionStatus.CONTINUED_AS_NEW,
}


def check_rows(evidence: Evidence) -> Iterator[Finding]:
    for run in evidence.runs.values():
        numbers = [row.batch_no for row in run.rows]
        if numbers != list(range(1, len(numbers) + 1)):
            yield Finding(Rule.ROWS, f"{run}: history rows {numbers}")
        size = sum(len(row.data) for row in run.rows) + size_of_content(run)
        expected = (len(run.events), size) if run.closing is not None else (0, 0)
        if (run.row.history_length, run.row.history_size_bytes) != expected:
            yield Finding(Rule.ROWS, f"{run}: (events, bytes) are {expected}, and its row says {run.row}")


def check_legal(evidence: Evidence) -> Iterator[Finding]:
    for run in evidence.runs.values():
        for violation in violations(run.records):
            yield Finding(Rule.LEGAL, f"{run}: {violation}")


def check_status(evidence: Evidence) -> Iterator[Finding]:
    for run in evidence.runs.values():
        closing = run.closing
        status = ExecutionStatus.RUNNING if closing is None else _STATUS[EventType(closing.event_type)]
        close_us = 0 if closing is None else closing.time_us
        if (run.row.status, run.row.close_time_us) != (status, close_us):
            yield Finding(Rule.STATUS, f"{run}: its history says {status!r} at {close_us}, its row {run.row}")
        if run.row.start_time_us != run.begun_us:
            yield Finding(Rule.STATUS, f"{run}: it began at {run.begun_us}, its row says {run.row}")


def check_snapshots(evidence: Evidence) -> Iterator[Finding]:
    """Those that are left; `states.check_snapshot` looks at each when it is written."""
    for snapshot in evidence.database.snapshots.values():
        yield from check_snapshot(evidence.database, snapshot)


def check_folds(evidence: Evidence) -> Iterator[Finding]:
    """The engine's own fold takes every history."""
    for run in evidence.runs.values():
        try:
            state = folded(run.row, run.rows)
        except Exception as error:  # whatever is wrong with a history is a finding, not the end of the audit
            yield Finding(Rule.STATE, f"{run}: its history does not fold: {type(error).__name__}: {error}")
            continue
        if state.status != run.row.status:
            yield Finding(Rule.STATE, f"{run}: its history folds to {state.status!r}, its row says {run.row}")


def check_visible(evidence: Evidence) -> Iterator[Finding]:
    listed = dict(evidence.database.visibility)
    for run in evidence.runs.values():
        if run.is_forgotten:
            continue
        visible = listed.pop((run.row.namespace, run.row.run_id), None)
        if visible is None or _shown(visible) != run.row[1:]:
            yield Finding(Rule.VISIBLE, f"{run}: listed as {visible}, and it is {run.row}")
    for row in listed.values():
        yield Finding(Rule.VISIBLE, f"{row} is listed, and there is no such run")


def _shown(row: VisibilityRow) -> tuple[object, ...]:
    """What a list shows, in the order of `ExecutionRow`."""
    return (
        row.run_id,
        row.namespace,
        row.workflow_id,
        row.workflow_type,
        row.task_queue,
        row.status,
        row.start_time_us,
        row.close_time_us,
        row.history_length,
        row.history_size_bytes,
    )


def check_dead_letters(evidence: Evidence) -> Iterator[Finding]:
    letters = [letter for letter in evidence.database.dead_letters.values() if POISON.encode() not in letter.data]
    for reason in dict.fromkeys(letter.reason for letter in letters):
        yield Finding(Rule.DEAD_LETTER, reason)


CHECKS = [
    check_rows,
    check_content,
    check_legal,
    check_status,
    check_snapshots,
    check_folds,
    check_visible,
    check_dead_letters,
]
